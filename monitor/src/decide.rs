//! The decision. Only this file can make a [`ProvenUser`], and without one no session starts.

use std::path::{Path, PathBuf};

use events::Level;
use events::monitor::Event;
use ipc::start::{Granted, SftpGranted};
use keys::{Credential, PublicKey, SignatureProven};
use policy::{
    ForcedCommand, Grants, HostAllowed, KeyAllowed, MethodsToDo, PasswordAge, Progress, Restrictions, Verdict,
};
use settings::Effective;
use settings::text::from_path;
use settings::values::Method;
use settings::words::split;
use sys::identity::{Account, Identity};

use crate::answers::approve_account::Approval;
use crate::answers::check_password::PasswordProven;
use crate::answers::exchange_gssapi::TicketsProven;
use crate::answers::hold_dialogue::DialogueProven;
use crate::candidate::Candidate;
use crate::connection::Connection;

/// What a candidate has proven so far.
pub(crate) struct Proofs {
    methods: MethodsToDo,
    used_keys: Vec<PublicKey>,
    restrictions: Restrictions,
    password_age: PasswordAge,
    /// One line for each method that has succeeded.
    succeeded: String,
    /// For the client's own log, once it is in: which lines have let its keys in.
    let_in_by: Vec<String>,
}

/// A credential that was proven. What stands in each kind can be made by the file of `answers` that checked it alone.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// `publickey`: a key that a line lets in, and a signature of it.
    Key { allowed: &'a KeyAllowed, proven: &'a SignatureProven },
    /// `hostbased`: a host that is trusted and known, and a signature of its key.
    Host { allowed: &'a HostAllowed, proven: &'a SignatureProven },
    /// `password`, or `none` with an empty one.
    Password(&'a PasswordProven),
    /// `keyboard-interactive`
    Dialogue(&'a DialogueProven),
    /// `gssapi-with-mic`
    Tickets(&'a TicketsProven),
}

/// What a proof comes to.
pub(crate) enum Decision {
    /// Nothing more is to be proven.
    Complete(Complete),
    /// Another method is still to do.
    Partial,
    /// No.
    No,
}

/// A login in which everything is proven. What is left is a word about the account.
pub(crate) struct Complete {
    user: Box<ProvenUser>,
    password_age: PasswordAge,
}

/// A user who has proven to be one, with everything that the login may do. Nothing outside of this file can make one,
/// and nothing can change it.
pub(crate) struct ProvenUser {
    account: Account,
    identity: Identity,
    effective: Effective,
    grants: Grants,
    granted: Granted,
    chroot: Option<String>,
    sftp_jail: Verdict<Option<PathBuf>>,
    home: String,
    shell: String,
    must_change_password: bool,
    password_ends_in: Option<i64>,
    succeeded: String,
    let_in_by: Vec<String>,
}

impl Proofs {
    pub(crate) fn none_yet(methods: MethodsToDo) -> Self {
        Self {
            methods,
            used_keys: Vec::new(),
            restrictions: Restrictions::none(),
            password_age: PasswordAge::Fresh,
            succeeded: String::new(),
            let_in_by: Vec::new(),
        }
    }

    /// Keys that have already proven something: each counts once.
    pub(crate) fn used_keys(&self) -> &[PublicKey] {
        &self.used_keys
    }

    /// Names of the methods that can continue.
    pub(crate) fn offered(&self) -> Vec<String> {
        self.methods.offered().into_iter().map(str::to_owned).collect()
    }

    /// One line for each method that has succeeded, with its key: SSH_AUTH_INFO_0.
    pub(crate) fn succeeded(&self) -> &str {
        &self.succeeded
    }

    /// Whether a device of a method is looked at now.
    pub(crate) fn may_try_device(&self, method: Method, device: &str) -> bool {
        self.methods.may_try_device(method, device)
    }

    /// Takes methods away for the rest of the connection.
    pub(crate) fn withdraw(&mut self, methods: &[Method]) {
        methods.iter().for_each(|method| self.methods.withdraw(*method));
    }

    /// Whether a method is looked at now.
    pub(crate) fn may_try(&self, method: Method) -> bool {
        self.methods.may_try(method)
    }

    /// The one way into a login, for every method: PermitRootLogin, the credential's restrictions, AuthenticationMethods.
    pub(crate) fn decide(&mut self, connection: &mut Connection, candidate: &Candidate, proof: Proof<'_>) -> Decision {
        if !candidate.may_log_in() {
            return Decision::No;
        }
        let verdict = proof.verdict(candidate);
        connection.log_steps(&verdict.steps);
        let Ok(restrictions) = verdict.outcome else { return Decision::No };
        // Restrictions of all credentials of a login add up.
        let Ok(restrictions) = self.restrictions.clone().restrict_by(restrictions) else { return Decision::No };
        let progress = self.methods.succeeded(proof.method(), proof.device());
        if progress == Progress::NotCalledFor {
            return Decision::No;
        }
        if let Proof::Password(proven) = proof {
            self.password_age = proven.age();
        }
        self.succeeded.push_str(&proof.line());
        if let Proof::Key { allowed, .. } = proof {
            self.let_in_by.push(allowed.options_in_words());
        }
        match progress {
            Progress::NotCalledFor => Decision::No,
            Progress::Partial => {
                self.restrictions = restrictions;
                self.used_keys.extend(proof.key().cloned());
                Decision::Partial
            }
            Progress::Complete => match ProvenUser::new(candidate, &restrictions, self) {
                Some(user) => {
                    let text = format!("active: {}", restrictions.key_options());
                    connection.log(&Event::Said { level: Level::Debug1, text });
                    Decision::Complete(Complete { user: Box::new(user), password_age: self.password_age })
                }
                None => Decision::No,
            },
        }
    }
}

impl Complete {
    /// One line for each method that has succeeded, with its key.
    pub(crate) fn succeeded_methods(&self) -> &str {
        self.user.succeeded_methods()
    }

    /// The user is in. Who must change their password first gets a terminal for that and nothing else.
    pub(crate) fn let_in(self, approval: &Approval) -> Box<ProvenUser> {
        let Self { mut user, password_age } = self;
        if let PasswordAge::EndsIn(days) = password_age {
            user.password_ends_in = Some(days);
        }
        if password_age == PasswordAge::MustBeChanged || approval.must_change_password() {
            user.must_change_password = true;
            user.restrict_to_a_terminal();
        }
        user
    }
}

impl Proof<'_> {
    fn method(self) -> Method {
        match self {
            Self::Key { .. } => Method::PublicKey,
            Self::Host { .. } => Method::Hostbased,
            Self::Password(proven) => proven.method(),
            Self::Dialogue(_) => Method::KeyboardInteractive,
            Self::Tickets(_) => Method::GssapiWithMic,
        }
    }

    /// As ExposeAuthInfo and PAM's modules get it.
    fn line(self) -> String {
        let device = self.device().map(|device| format!("/{device}")).unwrap_or_default();
        let credential = match self {
            Self::Key { allowed, .. } => format!(" {}", allowed.credential().file_text()),
            Self::Host { allowed, .. } => format!(" {}", Credential::Key(allowed.key().clone()).file_text()),
            Self::Tickets(proven) => format!(" {}", proven.principal()),
            Self::Password(_) | Self::Dialogue(_) => String::new(),
        };
        format!(
            "{}{device}{credential}
",
            self.method().name()
        )
    }

    /// What AuthenticationMethods can name behind a colon.
    fn device(self) -> Option<&'static str> {
        match self {
            Self::Dialogue(proven) => Some(proven.device()),
            Self::Key { .. } | Self::Host { .. } | Self::Password(_) | Self::Tickets(_) => None,
        }
    }

    /// A key counts once in a login.
    fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Key { allowed, .. } => Some(allowed.key()),
            Self::Host { allowed, .. } => Some(allowed.key()),
            Self::Password(_) | Self::Dialogue(_) | Self::Tickets(_) => None,
        }
    }

    /// What the credential itself allows the login.
    fn verdict(self, candidate: &Candidate) -> Verdict<Restrictions> {
        let (effective, account, from) = (&candidate.effective, &candidate.facts, &candidate.from);
        match self {
            Self::Key { allowed, proven } => policy::public_key_signed(effective, account, from, allowed, proven),
            Self::Host { allowed, proven } => policy::hostbased_signed(effective, account, from, allowed, proven),
            Self::Password(_) | Self::Dialogue(_) => {
                policy::unrestricted_proof(effective, account, from, self.method())
            }
            Self::Tickets(proven) => {
                let (principal, may_be_user) = (proven.principal(), proven.may_be_user());
                policy::tickets_proven(effective, account, from, principal, may_be_user)
            }
        }
    }
}

impl ProvenUser {
    /// `None` when the login's root directory cannot be named: it must not go on outside of it.
    fn new(candidate: &Candidate, restrictions: &Restrictions, proofs: &Proofs) -> Option<Self> {
        let effective = &candidate.effective;
        let grants = policy::grants(effective, restrictions);
        let chroot = policy::chroot_directory(effective, &candidate.facts).ok()?;
        Some(Self {
            account: candidate.account.clone(),
            identity: candidate.identity.clone(),
            granted: granted(&grants),
            effective: effective.clone(),
            chroot: chroot.map(|path| from_path(&path)),
            sftp_jail: policy::sftp_jail(effective, &candidate.facts),
            home: as_text(&candidate.account.home),
            shell: as_text(&candidate.facts.shell),
            must_change_password: false,
            password_ends_in: None,
            succeeded: proofs.succeeded.clone(),
            let_in_by: proofs.let_in_by.clone(),
            grants,
        })
    }

    /// As the account database spells it.
    pub(crate) fn name(&self) -> &str {
        &self.account.name
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whom processes for this user must become; none when everything runs as the user already.
    pub(crate) fn identity_to_become(&self) -> Option<Identity> {
        sys::identity::is_root().then(|| self.identity.clone())
    }

    /// Owner and group of the user's terminals; none when they are the user's already.
    pub(crate) fn terminal_owner(&self) -> Option<(u32, u32)> {
        sys::identity::is_root().then_some((self.identity.uid, self.identity.gid))
    }

    pub(crate) fn home(&self) -> &str {
        &self.home
    }

    pub(crate) fn shell(&self) -> &str {
        &self.shell
    }

    /// The login is good for a new password and nothing else.
    pub(crate) fn must_change_password(&self) -> bool {
        self.must_change_password
    }

    /// Days for which the password that was used is still good, if they are few.
    pub(crate) fn password_ends_in(&self) -> Option<i64> {
        self.password_ends_in
    }

    /// One line for each method that has succeeded, with its key: what ExposeAuthInfo exposes.
    pub(crate) fn succeeded_methods(&self) -> &str {
        &self.succeeded
    }

    /// Which lines have let the user's keys in, for the client's own log.
    pub(crate) fn let_in_by(&self) -> &[String] {
        &self.let_in_by
    }

    /// A terminal is left, if there was one: nothing else is granted any more.
    pub(crate) fn restrict_to_a_terminal(&mut self) {
        let nothing = Restrictions { pty: self.grants.terminal, ..Restrictions::all_but_a_terminal() };
        self.grants = policy::grants(&self.effective, &nothing);
        self.granted = Granted { sftp: SftpGranted::No, ..granted(&self.grants) };
    }

    /// PAM has added groups (pam_setcred(3)); it runs before any process of the user does.
    pub(crate) fn gets_groups(&mut self, groups: Vec<u32>) {
        self.identity.groups = groups;
    }

    /// The login's root directory, if it has one of its own.
    pub(crate) fn chroot(&self) -> Option<&str> {
        self.chroot.as_deref()
    }

    /// The directory that is all of SFTP's file system for this login, if there is one; or why the login must not be
    /// served.
    pub(crate) fn sftp_jail(&self) -> &Verdict<Option<PathBuf>> {
        &self.sftp_jail
    }

    /// The settings that hold for this user.
    pub(crate) fn effective(&self) -> &Effective {
        &self.effective
    }

    pub(crate) fn granted(&self) -> Granted {
        self.granted
    }

    /// What was granted, to be asked about single requests.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    pub(crate) fn forced_command(&self) -> Option<&ForcedCommand> {
        self.grants.forced_command.as_ref()
    }

    /// Whether `~/.ssh/rc` is run before shells and commands.
    pub(crate) fn runs_user_rc(&self) -> bool {
        self.grants.user_rc
    }

    /// `environment=` of the key, as far as PermitUserEnvironment lets it through.
    pub(crate) fn key_environment(&self) -> &[(String, String)] {
        &self.grants.environment
    }

    /// The arguments of an `internal-sftp` that this login can start.
    pub(crate) fn sftp_arguments(&self, command_line: &str) -> Option<Vec<String>> {
        let behind = policy::internal_sftp_arguments(command_line)?;
        let granted = self.grants.internal_sftp.iter().any(|line| line == behind);
        granted.then(|| split(behind)).flatten()
    }
}

fn as_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What the session process must know of its grants.
fn granted(grants: &Grants) -> Granted {
    Granted {
        terminal: grants.terminal,
        sftp: sftp_granted(grants),
        forwarding: grants.forwards(),
        accept: grants.listens(),
    }
}

/// Files in the session process are for `internal-sftp` alone, and read-only if every one that can be started is.
fn sftp_granted(grants: &Grants) -> SftpGranted {
    let is_read_only = |line: &String| split(line).is_some_and(|words| words.iter().any(|word| word == "-R"));
    match grants.internal_sftp.as_slice() {
        [] => SftpGranted::No,
        lines if lines.iter().all(is_read_only) => SftpGranted::ReadOnly,
        _ => SftpGranted::ReadWrite,
    }
}
