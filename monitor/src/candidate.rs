//! Somebody who has said who they want to be, and has proven nothing yet.

use std::net::IpAddr;
use std::path::PathBuf;

use policy::{AccountFacts, ConnectionFacts, ShellState};
use settings::Effective;
use sys::identity::{Account, Identity};

/// A user who wants to log in. Names without an account, and accounts that may not log in, go on as a decoy: the same
/// files are looked for, the same signatures are checked, the same time passes, and nothing can come of it.
pub(crate) struct Candidate {
    /// As the client wrote it; login signatures cover this.
    pub(crate) claimed: String,
    /// Without a style behind a colon.
    pub(crate) user: String,
    /// The account, or a decoy in its place.
    pub(crate) account: Account,
    /// Whose rights are used to read the account's files.
    pub(crate) identity: Identity,
    /// What policy looks at.
    pub(crate) facts: AccountFacts,
    /// Where the candidate comes from.
    pub(crate) from: ConnectionFacts,
    /// The settings that hold for this user.
    pub(crate) effective: Effective,
    standing: Standing,
}

/// Whether a login can come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    MayLogIn,
    Decoy,
}

/// An account with its ids and what policy wants to know about it.
pub(crate) struct Known {
    pub(crate) account: Account,
    pub(crate) identity: Identity,
    pub(crate) facts: AccountFacts,
}

impl Candidate {
    /// A candidate whose account passed all gates.
    pub(crate) fn who_may_log_in(
        claimed: String,
        user: String,
        known: Known,
        from: ConnectionFacts,
        effective: Effective,
    ) -> Self {
        let Known { account, identity, facts } = known;
        Self { claimed, user, account, identity, facts, from, effective, standing: Standing::MayLogIn }
    }

    /// A candidate who cannot log in.
    pub(crate) fn decoy(claimed: String, user: String, from: ConnectionFacts, effective: Effective) -> Self {
        let Known { account, identity, facts } = decoy_account(&user);
        Self { claimed, user, account, identity, facts, from, effective, standing: Standing::Decoy }
    }

    /// Whether a proof can let this candidate in.
    pub(crate) fn may_log_in(&self) -> bool {
        self.standing == Standing::MayLogIn
    }
}

/// The numbers of `nobody`, who owns nothing.
const NOBODY: u32 = 65534;

/// Where no keys are.
const NO_HOME: &str = "/nonexistent";

fn decoy_account(user: &str) -> Known {
    let (home, shell) = (PathBuf::from(NO_HOME), PathBuf::from("/bin/sh"));
    let account = Account {
        name: user.to_owned(),
        uid: NOBODY,
        gid: NOBODY,
        gecos: String::new(),
        home: home.clone(),
        shell: shell.clone(),
        password_field: "*".to_owned(),
    };
    let facts = AccountFacts {
        name: user.to_owned(),
        uid: NOBODY,
        gid: NOBODY,
        groups: Vec::new(),
        home,
        shell,
        shell_state: ShellState::Executable,
        locked: false,
    };
    Known { account, identity: Identity { uid: NOBODY, gid: NOBODY, groups: vec![NOBODY] }, facts }
}

/// The ends of the connection as policy looks at them; what has to be asked for is not in it yet.
pub(crate) fn connection_facts(facts: &events::ConnectionFacts) -> ConnectionFacts {
    let address = |text: &str| text.parse::<IpAddr>().ok();
    ConnectionFacts {
        address: address(&facts.peer.address),
        port: facts.peer.port,
        host_name: None,
        routing_domain: String::new(),
        local_address: address(&facts.local.address),
        local_port: facts.local.port,
    }
}
