//! Phases NamingUser and Authenticating: somebody says who they are and tries to prove it.

use events::Level;
use events::monitor::Event;
use gssapi::Delegated;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, AuthenticatingRequest, HandingOver, MAX_USER_NAME, NamingUser,
    NamingUserAnswer, NamingUserRequest, OfferedKey, VouchingHost,
};
use ipc::{Answering, Secret};
use policy::NoMethodsLeft;
use settings::values::Method;

use crate::answers::approve_account::approve_account;
use crate::answers::check_host::check_host;
use crate::answers::check_password::check_password;
use crate::answers::check_signature::check_signature;
use crate::answers::exchange_gssapi::{Desk, Exchanged};
use crate::answers::hold_dialogue::{DEVICE, Held, Room, names_device};
use crate::answers::look_up_user::look_up_user;
use crate::answers::query_key::{LookedAt, look_at_key};
use crate::banner::banner;
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::decide::{Complete, Decision, Proof, Proofs, ProvenUser};
use crate::ending::Ending;
use crate::failures::{Failure, Failures, Shown, deny_access, send_away, too_many};
use crate::key_exchange::SignedExchange;
use crate::methods::methods_to_do;
use crate::pam_login::PamLogin;
use crate::preauth_child::{Bounds, PreauthChild, misbehaved};

/// A login that got in: the link in its next phase, the user, the exchange that they signed for, and PAM's state.
pub(crate) struct LetIn {
    pub(crate) link: Answering<HandingOver>,
    pub(crate) user: ProvenUser,
    pub(crate) exchange: SignedExchange,
    pub(crate) pam: Option<PamLogin>,
    /// Kerberos tickets that the client has forwarded.
    pub(crate) delegated: Option<Delegated>,
}

/// Until somebody is let in. The user is named once: the link goes on in a phase that has no word for names.
pub(crate) fn authenticate(
    connection: &mut Connection,
    child: &PreauthChild,
    mut link: Answering<NamingUser>,
    exchange: SignedExchange,
) -> Result<LetIn, Ending> {
    let user = named_user(connection, child, &mut link)?;
    let since = sys::clock::monotonic();
    let candidate = look_up_user(connection, user)?;
    let delay = policy::failure_delay(connection.delay_secret(), &candidate.user);
    let named = NamingUserAnswer::Named { banner: banner(&candidate), details: connection.details_wanted() };
    child.answer(connection, &link, &named)?;
    let failures = Failures::new(candidate.effective.max_auth_tries, delay, since);
    let proofs = methods_to_do(&candidate.effective).map(Proofs::none_yet);
    let pam = candidate.effective.use_pam.then(PamLogin::default);
    let mut attempts = Attempts { candidate, exchange, failures, pam, delegated: None };
    let link = link.enter();
    match proofs {
        Ok(proofs) => {
            let (link, user) = attempts.until_let_in(connection, child, link, proofs)?;
            let Attempts { exchange, pam, delegated, .. } = attempts;
            Ok(LetIn { link, user, exchange, pam, delegated })
        }
        Err(none_left) => Err(attempts.nobody_can_log_in(connection, child, link, none_left)),
    }
}

fn named_user(
    connection: &mut Connection,
    child: &PreauthChild,
    link: &mut Answering<NamingUser>,
) -> Result<String, Ending> {
    match child.next_request(connection, link)? {
        NamingUserRequest::LookUpUser { user } if user.len() <= MAX_USER_NAME => Ok(user),
        NamingUserRequest::LookUpUser { .. } => Err(misbehaved(connection, "names a user with too long a name")),
        NamingUserRequest::Record(_) => Err(Ending::ChildMisbehaved), // taken out by next_request
    }
}

/// The attempts of one candidate.
struct Attempts {
    candidate: Candidate,
    exchange: SignedExchange,
    failures: Failures,
    /// With UsePAM.
    pam: Option<PamLogin>,
    /// Tickets that came with the login.
    delegated: Option<Delegated>,
}

/// What an attempt came to.
enum Outcome {
    KeyWouldDo,
    /// Not answered: the client has gone on to something else.
    Abandoned(Failure),
    Failed(Failure),
    Complete(Complete, Shown),
}

/// The link goes on, and what an attempt came to.
type Attempted = (Answering<Authenticating>, Outcome);

impl Attempts {
    fn until_let_in(
        &mut self,
        connection: &mut Connection,
        child: &PreauthChild,
        mut link: Answering<Authenticating>,
        mut proofs: Proofs,
    ) -> Result<(Answering<HandingOver>, ProvenUser), Ending> {
        loop {
            let request = child.next_request(connection, &mut link)?;
            if self.failures.are_too_many() {
                return Err(too_many(connection, child, &link));
            }
            self.failures.request_came();
            let outcome;
            (link, outcome) = self.attempt(connection, child, link, &mut proofs, request)?;
            match outcome {
                Outcome::KeyWouldDo => child.answer(connection, &link, &AuthenticatingAnswer::KeyWouldDo)?,
                Outcome::Abandoned(failure) => self.failures.note(&failure, connection),
                Outcome::Failed(failure) => {
                    self.failures.answer(failure, proofs.offered(), connection, child, &link)?;
                }
                Outcome::Complete(complete, shown) => {
                    let user = self.let_in(connection, child, &link, complete, shown)?;
                    child.answer(connection, &link, &AuthenticatingAnswer::LoggedIn)?;
                    return Ok((link.enter(), *user));
                }
            }
        }
    }

    /// The last word: what PAM says of the account. What its modules tell is for the user in any case.
    fn let_in(
        &mut self,
        connection: &mut Connection,
        child: &PreauthChild,
        link: &Answering<Authenticating>,
        complete: Complete,
        shown: Shown,
    ) -> Result<Box<ProvenUser>, Ending> {
        if let Some(pam) = &mut self.pam {
            pam.tell_what_is_proven(complete.succeeded_methods());
        }
        let approval = approve_account(connection, child.bounds(link), &self.candidate, self.pam.as_mut())?;
        if let Some(text) = self.pam.as_mut().and_then(PamLogin::take_messages) {
            child.answer(connection, link, &AuthenticatingAnswer::Tell(text))?;
        }
        let Some(approval) = approval else {
            self.failures.note(&Failure::of(Some(shown)), connection);
            return Err(deny_access(connection, child, link));
        };
        connection.log(&Event::Accepted(shown.attempt(false)));
        Ok(complete.let_in(&approval))
    }

    fn attempt(
        &mut self,
        connection: &mut Connection,
        child: &PreauthChild,
        link: Answering<Authenticating>,
        proofs: &mut Proofs,
        request: AuthenticatingRequest,
    ) -> Result<Attempted, Ending> {
        if let Some(pam) = &mut self.pam {
            pam.tell_what_is_proven(proofs.succeeded());
        }
        if !matches!(request, AuthenticatingRequest::None) {
            connection.login_was_tried();
        }
        let bounds = child.bounds(&link);
        let outcome = match request {
            AuthenticatingRequest::None => self.none(connection, bounds, proofs)?,
            AuthenticatingRequest::QueryKey(key) if proofs.may_try(Method::PublicKey) => {
                self.query(connection, proofs, &key)
            }
            AuthenticatingRequest::CheckSignature { key, signature, hostbound }
                if proofs.may_try(Method::PublicKey) =>
            {
                self.signature(connection, proofs, &key, &signature, hostbound)
            }
            AuthenticatingRequest::CheckPassword { password } if proofs.may_try(Method::Password) => {
                self.password(connection, bounds, proofs, &password)?
            }
            AuthenticatingRequest::CheckHost(host) if proofs.may_try(Method::Hostbased) => {
                self.host(connection, proofs, &host)
            }
            AuthenticatingRequest::ChangePassword if proofs.may_try(Method::Password) => {
                let text = "password change not supported".to_owned();
                connection.log(&Event::Said { level: Level::Info, text });
                Outcome::Failed(Failure::of(Some(Shown::method(Method::Password.name()))))
            }
            AuthenticatingRequest::BeginDialogue { devices }
                if names_device(&devices) && proofs.may_try_device(Method::KeyboardInteractive, DEVICE) =>
            {
                return self.dialogue(connection, child, link, proofs);
            }
            AuthenticatingRequest::BeginGssapi { kerberos: true } if proofs.may_try(Method::GssapiWithMic) => {
                return self.gssapi(connection, child, link, proofs);
            }
            AuthenticatingRequest::BeginGssapi { .. } if proofs.may_try(Method::GssapiWithMic) => {
                Outcome::Failed(Failure::of_other_mechanism())
            }
            AuthenticatingRequest::Unusable { method } => {
                let text = format!("method {method} is not offered");
                connection.log(&Event::Said { level: Level::Debug1, text });
                Outcome::Failed(Failure::of(None))
            }
            _ => Outcome::Failed(Failure::of(None)),
        };
        Ok((link, outcome))
    }

    /// `none`: a question, unless empty passwords may log in (RFC 4252 section 5.2).
    fn none(
        &mut self,
        connection: &mut Connection,
        bounds: Bounds<'_>,
        proofs: &mut Proofs,
    ) -> Result<Outcome, Ending> {
        if !proofs.may_try(Method::None) {
            return Ok(Outcome::Failed(Failure::of_none()));
        }
        let shown = Shown::method(Method::None.name());
        let (candidate, pam, empty) = (&self.candidate, self.pam.as_mut(), Secret::new(b""));
        let proven = check_password(connection, bounds, candidate, pam, Method::None, &empty)?;
        Ok(match self.settle(connection, proofs, shown, proven.as_ref().map(Proof::Password)) {
            Outcome::Failed(failure) => Outcome::Failed(Failure { is_none: true, ..failure }),
            outcome => outcome,
        })
    }

    fn query(&self, connection: &mut Connection, proofs: &Proofs, key: &OfferedKey) -> Outcome {
        let looked_at = look_at_key(connection, &self.candidate, key, proofs.used_keys());
        match looked_at.allowed {
            Some(_) if self.candidate.may_log_in() => {
                // As theirs, without the key: the line about its list has told it.
                let shown = Shown::method(Method::PublicKey.name());
                let alarming = self.failures.is_alarming(shown.method);
                connection.log(&Event::Postponed(shown.attempt(alarming)));
                Outcome::KeyWouldDo
            }
            _ => Outcome::Failed(Failure::of(Some(shown_key(&looked_at)))),
        }
    }

    fn signature(
        &self,
        connection: &mut Connection,
        proofs: &mut Proofs,
        key: &OfferedKey,
        signature: &[u8],
        hostbound: bool,
    ) -> Outcome {
        let checked =
            check_signature(connection, &self.candidate, &self.exchange, key, signature, hostbound, proofs.used_keys());
        let proof = match (&checked.looked_at.allowed, &checked.proven) {
            (Some(allowed), Some(proven)) => Some(Proof::Key { allowed, proven }),
            _ => None,
        };
        self.settle(connection, proofs, shown_key(&checked.looked_at), proof)
    }

    fn password(
        &mut self,
        connection: &mut Connection,
        bounds: Bounds<'_>,
        proofs: &mut Proofs,
        password: &Secret,
    ) -> Result<Outcome, Ending> {
        let (candidate, pam) = (&self.candidate, self.pam.as_mut());
        let proven = check_password(connection, bounds, candidate, pam, Method::Password, password)?;
        self.heed_tries(proofs);
        let shown = Shown::method(Method::Password.name());
        Ok(self.settle(connection, proofs, shown, proven.as_ref().map(Proof::Password)))
    }

    /// `keyboard-interactive`: the link is in a phase of its own until the dialogue is over.
    fn dialogue(
        &mut self,
        connection: &mut Connection,
        child: &PreauthChild,
        link: Answering<Authenticating>,
        proofs: &mut Proofs,
    ) -> Result<Attempted, Ending> {
        let shown = Shown::method("keyboard-interactive/pam");
        let Some(pam) = &mut self.pam else { return Ok((link, Outcome::Failed(Failure::of(None)))) };
        let (alarming, since) = (self.failures.is_alarming(shown.method), sys::clock::monotonic());
        let mut room = Room { connection, child, candidate: &self.candidate, pam, alarming, since };
        let (link, held) = room.hold_dialogue(link)?;
        self.failures.count_time_from(room.since);
        self.heed_tries(proofs);
        let outcome = match held {
            Held::Proven(proven) => self.settle(connection, proofs, shown, Some(Proof::Dialogue(&proven))),
            Held::Failed => Outcome::Failed(Failure::of(Some(shown))),
            Held::Abandoned => Outcome::Abandoned(Failure::of(Some(shown))),
        };
        Ok((link, outcome))
    }

    /// `gssapi-with-mic`: the link is in a phase of its own until the exchange is over.
    fn gssapi(
        &mut self,
        connection: &mut Connection,
        child: &PreauthChild,
        link: Answering<Authenticating>,
        proofs: &mut Proofs,
    ) -> Result<Attempted, Ending> {
        let shown = Shown::method(Method::GssapiWithMic.name());
        let (alarming, since) = (self.failures.is_alarming(shown.method), sys::clock::monotonic());
        let (candidate, exchange) = (&self.candidate, &self.exchange);
        let mut desk = Desk { connection, child, candidate, exchange, alarming, since };
        let (link, exchanged) = desk.hold_exchange(link)?;
        self.failures.count_time_from(desk.since);
        let outcome = match exchanged {
            Exchanged::Proven(proven) => {
                let shown = Shown { key: Some(proven.principal().to_owned()), ..shown };
                let outcome = self.settle(connection, proofs, shown, Some(Proof::Tickets(&proven)));
                // Forwarded tickets are for logins that these very tickets have completed (CVE-2005-2798).
                if matches!(outcome, Outcome::Complete(..)) {
                    self.delegated = proven.into_delegated();
                }
                outcome
            }
            Exchanged::Failed => Outcome::Failed(Failure::of(Some(shown))),
            Exchanged::Abandoned => Outcome::Abandoned(Failure::of(Some(shown))),
        };
        Ok((link, outcome))
    }

    /// PAM's modules may count attempts, too.
    fn heed_tries(&self, proofs: &mut Proofs) {
        if self.pam.as_ref().is_some_and(PamLogin::wants_no_more_tries) {
            proofs.withdraw(&[Method::Password, Method::KeyboardInteractive]);
        }
    }

    fn host(&self, connection: &mut Connection, proofs: &mut Proofs, host: &VouchingHost) -> Outcome {
        let checked = check_host(connection, &self.candidate, &self.exchange, host, proofs.used_keys());
        let proof = match (&checked.allowed, &checked.proven) {
            (Some(allowed), Some(proven)) => Some(Proof::Host { allowed, proven }),
            _ => None,
        };
        let shown = Shown { method: Method::Hostbased.name(), key: checked.shown };
        self.settle(connection, proofs, shown, proof)
    }

    /// What an attempt comes to, whatever its method.
    fn settle(
        &self,
        connection: &mut Connection,
        proofs: &mut Proofs,
        shown: Shown,
        proof: Option<Proof<'_>>,
    ) -> Outcome {
        let decision = proof.map(|proof| proofs.decide(connection, &self.candidate, proof));
        match decision.unwrap_or(Decision::No) {
            Decision::Complete(complete) => Outcome::Complete(complete, shown),
            Decision::Partial => {
                connection.log(&Event::Partial(shown.attempt(false)));
                Outcome::Failed(Failure::partial_success())
            }
            Decision::No => Outcome::Failed(Failure::of(Some(shown))),
        }
    }

    /// AuthenticationMethods asks for what is switched off or not supported. Whoever it is: they are told so at
    /// their first attempt.
    fn nobody_can_log_in(
        &self,
        connection: &mut Connection,
        child: &PreauthChild,
        mut link: Answering<Authenticating>,
        why: NoMethodsLeft,
    ) -> Ending {
        connection.log(&Event::Said { level: Level::Error, text: why.to_string() });
        match child.next_request(connection, &mut link) {
            Ok(_) => send_away("no authentication methods enabled", connection, child, &link),
            Err(ending) => ending,
        }
    }
}

fn shown_key(looked_at: &LookedAt) -> Shown {
    Shown { method: Method::PublicKey.name(), key: looked_at.shown() }
}
