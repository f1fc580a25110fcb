//! Phases NamingUser and Authenticating: somebody says who they are and tries to prove it.

use events::Level;
use events::monitor::{Attempt, Event};
use ipc::Answering;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, AuthenticatingRequest, HandingOver, MAX_USER_NAME, NamingUser,
    NamingUserAnswer, NamingUserRequest, OfferedKey,
};
use policy::{MethodsToDo, NoMethodsLeft};
use settings::values::Method;

use crate::answers::check_signature::check_signature;
use crate::answers::look_up_user::look_up_user;
use crate::answers::query_key::look_at_key;
use crate::answers::unusable::unusable;
use crate::banner::banner;
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::decide::{Decision, Proofs, ProvenUser};
use crate::ending::Ending;
use crate::failures::{Failure, Failures, send_away};
use crate::key_exchange::SignedExchange;
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
    let proofs = methods_to_do(&candidate).map(Proofs::none_yet);
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

/// Of the methods that are switched on, those that this server can do. Lists of AuthenticationMethods that need
/// another one cannot be completed.
pub(crate) fn methods_to_do(candidate: &Candidate) -> Result<MethodsToDo, NoMethodsLeft> {
    let effective = &candidate.effective;
    let supported: &[Method] = if effective.pubkey_authentication { &[Method::PublicKey] } else { &[] };
    MethodsToDo::new(effective, supported)
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
        let failed = |shown| Outcome::Failed(Failure { shown, is_none: false, partial: false });
        match request {
            AuthenticatingRequest::None => {
                return Outcome::Failed(Failure { shown: None, is_none: true, partial: false });
            }
            AuthenticatingRequest::Record(_) => return failed(None), // taken out by next_request
            _ => connection.login_was_tried(),
        }
        match request {
            AuthenticatingRequest::QueryKey(key) if proofs.may_try(Method::PublicKey) => {
                let looked_at = look_at_key(connection, &self.candidate, &key, proofs.used_keys());
                match looked_at.allowed {
                    Some(_) if self.candidate.may_log_in() => Outcome::KeyWouldDo,
                    _ => failed(Some((Method::PublicKey.name(), looked_at.shown()))),
                }
            }
            AuthenticatingRequest::CheckSignature { key, signature, hostbound }
                if proofs.may_try(Method::PublicKey) =>
            {
                self.check(connection, proofs, &key, &signature, hostbound)
            }
            AuthenticatingRequest::Unusable { method } => {
                failed(unusable(connection, &self.candidate.effective, &method).map(|method| (method, None)))
            }
            _ => failed(None),
        }
    }

    fn check(
        &self,
        connection: &mut Connection,
        proofs: &mut Proofs,
        key: &OfferedKey,
        signature: &[u8],
        hostbound: bool,
    ) -> Outcome {
        let candidate = &self.candidate;
        let checked =
            check_signature(connection, candidate, &self.exchange, key, signature, hostbound, proofs.used_keys());
        let shown = checked.looked_at.shown();
        let decision = match (&checked.looked_at.allowed, &checked.proven) {
            (Some(allowed), Some(proven)) => proofs.decide_on_key(connection, candidate, allowed, proven),
            _ => Decision::No,
        };
        let method = Method::PublicKey.name();
        match decision {
            Decision::LetIn(user) => {
                Outcome::LetIn(user, Attempt { method: method.to_owned(), key: shown, alarming: false })
            }
            Decision::Partial => {
                connection.log(&Event::Partial(Attempt { method: method.to_owned(), key: shown, alarming: false }));
                Outcome::Failed(Failure { shown: None, is_none: false, partial: true })
            }
            Decision::No => Outcome::Failed(Failure { shown: Some((method, shown)), is_none: false, partial: false }),
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
