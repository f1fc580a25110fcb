//! Phases NamingUser and Authenticating: somebody says who they are and tries to prove it.

use events::Level;
use events::monitor::{Attempt, Event};
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, AuthenticatingRequest, HandingOver, MAX_USER_NAME, NamingUser,
    NamingUserAnswer, NamingUserRequest, OfferedKey, VouchingHost,
};
use ipc::{Answering, Secret};
use policy::NoMethodsLeft;
use settings::values::Method;

use crate::answers::check_host::check_host;
use crate::answers::check_password::check_password;
use crate::answers::check_signature::check_signature;
use crate::answers::look_up_user::look_up_user;
use crate::answers::query_key::{LookedAt, look_at_key};
use crate::answers::unusable::unusable;
use crate::banner::banner;
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::decide::{Decision, Proof, Proofs, ProvenUser};
use crate::ending::Ending;
use crate::failures::{Failure, Failures, Shown, send_away};
use crate::key_exchange::SignedExchange;
use crate::methods::methods_to_do;
use crate::preauth_child::{PreauthChild, misbehaved};

/// A login that got in: the link in its next phase, the user, and the exchange that they signed for.
type LetIn = (Answering<HandingOver>, ProvenUser, SignedExchange);

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
    child.answer(connection, &link, &NamingUserAnswer::Named { banner: banner(&candidate) })?;
    let failures = Failures::new(candidate.effective.max_auth_tries, delay, since);
    let proofs = methods_to_do(&candidate.effective).map(Proofs::none_yet);
    let mut attempts = Attempts { candidate, exchange, failures };
    let link = link.enter();
    match proofs {
        Ok(proofs) => {
            attempts.until_let_in(connection, child, link, proofs).map(|(link, user)| (link, user, attempts.exchange))
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
}

/// What an attempt came to.
enum Outcome {
    KeyWouldDo,
    Failed(Failure),
    LetIn(Box<ProvenUser>, Attempt),
}

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
            self.failures.request_came();
            match self.attempt(connection, &mut proofs, request) {
                Outcome::KeyWouldDo => child.answer(connection, &link, &AuthenticatingAnswer::KeyWouldDo)?,
                Outcome::Failed(failure) => {
                    self.failures.answer(failure, proofs.offered(), connection, child, &link)?;
                }
                Outcome::LetIn(user, attempt) => {
                    connection.log(&Event::Accepted(attempt));
                    child.answer(connection, &link, &AuthenticatingAnswer::LoggedIn)?;
                    return Ok((link.enter(), *user));
                }
            }
        }
    }

    fn attempt(&self, connection: &mut Connection, proofs: &mut Proofs, request: AuthenticatingRequest) -> Outcome {
        match request {
            AuthenticatingRequest::None => return self.none(connection, proofs),
            AuthenticatingRequest::Record(_) => return Outcome::Failed(Failure::of(None)), // taken out by next_request
            _ => connection.login_was_tried(),
        }
        match request {
            AuthenticatingRequest::QueryKey(key) if proofs.may_try(Method::PublicKey) => {
                self.query(connection, proofs, &key)
            }
            AuthenticatingRequest::CheckSignature { key, signature, hostbound }
                if proofs.may_try(Method::PublicKey) =>
            {
                self.signature(connection, proofs, &key, &signature, hostbound)
            }
            AuthenticatingRequest::CheckPassword { password } if proofs.may_try(Method::Password) => {
                self.password(connection, proofs, &password)
            }
            AuthenticatingRequest::CheckHost(host) if proofs.may_try(Method::Hostbased) => {
                self.host(connection, proofs, &host)
            }
            AuthenticatingRequest::ChangePassword if proofs.may_try(Method::Password) => {
                let text = "password change not supported".to_owned();
                connection.log(&Event::Said { level: Level::Info, text });
                Outcome::Failed(Failure::of(Some(Shown::method(Method::Password.name()))))
            }
            AuthenticatingRequest::Unusable { method } => {
                let shown = unusable(connection, &self.candidate.effective, &method);
                Outcome::Failed(Failure::of(shown.map(Shown::method)))
            }
            _ => Outcome::Failed(Failure::of(None)),
        }
    }

    /// `none`: a question, unless empty passwords may log in (RFC 4252 section 5.2).
    fn none(&self, connection: &mut Connection, proofs: &mut Proofs) -> Outcome {
        let nothing = Failure { shown: None, is_none: true, partial: false };
        if !proofs.may_try(Method::None) {
            return Outcome::Failed(nothing);
        }
        let shown = Shown::method(Method::None.name());
        let proven = check_password(connection, &self.candidate, Method::None, &Secret::new(b""));
        match self.settle(connection, proofs, shown, proven.as_ref().map(Proof::Password)) {
            Outcome::Failed(failure) => Outcome::Failed(Failure { is_none: true, ..failure }),
            outcome => outcome,
        }
    }

    fn query(&self, connection: &mut Connection, proofs: &Proofs, key: &OfferedKey) -> Outcome {
        let looked_at = look_at_key(connection, &self.candidate, key, proofs.used_keys());
        match looked_at.allowed {
            Some(_) if self.candidate.may_log_in() => Outcome::KeyWouldDo,
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

    fn password(&self, connection: &mut Connection, proofs: &mut Proofs, password: &Secret) -> Outcome {
        let proven = check_password(connection, &self.candidate, Method::Password, password);
        let shown = Shown::method(Method::Password.name());
        self.settle(connection, proofs, shown, proven.as_ref().map(Proof::Password))
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
            Decision::LetIn(user) => Outcome::LetIn(user, shown.attempt(false)),
            Decision::Partial => {
                connection.log(&Event::Partial(shown.attempt(false)));
                Outcome::Failed(Failure::partial_success())
            }
            Decision::No => Outcome::Failed(Failure::of(Some(shown))),
        }
    }

    /// AuthenticationMethods asks for what is switched off or not supported yet. Whoever it is: they are told so at
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
