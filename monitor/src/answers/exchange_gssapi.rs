//! Pairs with `preauth/src/gssapi_exchange.rs`: `gssapi-with-mic` (RFC 4462 section 3), with Kerberos.
//!
//! The library looks up names, waits for other hosts and reads files of homes, so it works on a thread while
//! LoginGraceTime is watched. For users who cannot log in the whole exchange takes place, too (CVE-2006-5052,
//! CVE-2018-15919).

use std::time::Duration;

use events::Level;
use events::monitor::{Attempt, Event};
use gssapi::{Accepting, Delegated, Established, Refused, Stepped};
use ipc::Answering;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, GssapiAnswer, GssapiExchange, GssapiRequest, MAX_GSSAPI_TOKEN,
};

use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::key_exchange::SignedExchange;
use crate::on_a_thread::do_bounded;
use crate::preauth_child::{PreauthChild, misbehaved};
use crate::signed_data::request;

const METHOD: &str = "gssapi-with-mic";

/// That the client has shown tickets of a principal, and has signed for this very connection with them. Only this file
/// makes one.
pub(crate) struct TicketsProven {
    principal: String,
    may_be_user: bool,
    delegated: Option<Delegated>,
}

impl TicketsProven {
    /// As Kerberos writes it.
    pub(crate) fn principal(&self) -> &str {
        &self.principal
    }

    /// What this host's Kerberos says to that principal as this user.
    pub(crate) fn may_be_user(&self) -> bool {
        self.may_be_user
    }

    /// What the client has forwarded.
    pub(crate) fn into_delegated(self) -> Option<Delegated> {
        self.delegated
    }
}

/// How an exchange ended.
pub(crate) enum Exchanged {
    Proven(TicketsProven),
    Failed,
    /// The client tries something else.
    Abandoned,
}

/// What one exchange needs.
pub(crate) struct Desk<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) child: &'a PreauthChild,
    pub(crate) candidate: &'a Candidate,
    pub(crate) exchange: &'a SignedExchange,
    /// Whether a failure now would be seen at the default level; so are the steps of the exchange.
    pub(crate) alarming: bool,
    /// When the last token came: what a failure takes is counted from there.
    pub(crate) since: Duration,
}

/// How far an exchange has come.
enum Stage {
    Accepting(Accepting),
    Established(Established),
}

impl Desk<'_> {
    /// Takes and gives tokens until one side has had enough.
    pub(crate) fn hold_exchange(
        &mut self,
        link: Answering<Authenticating>,
    ) -> Result<(Answering<Authenticating>, Exchanged), Ending> {
        let service = match self.service() {
            Ok(service) => service,
            Err(error) => {
                self.say(Level::Error, format!("gethostname: {error}"));
                return Ok((link, Exchanged::Failed));
            }
        };
        match do_bounded(self.child.bounds(&link), move || Accepting::begin(service.as_deref()))? {
            Err(error) => {
                self.say(Level::Info, format!("{METHOD}: {error}"));
                Ok((link, Exchanged::Failed))
            }
            Ok(accepting) => {
                let attempt = Attempt { method: METHOD.to_owned(), key: None, alarming: self.alarming };
                self.connection.log(&Event::Postponed(attempt));
                self.child.answer(self.connection, &link, &AuthenticatingAnswer::SendTokens)?;
                self.go_on(link.enter(), accepting)
            }
        }
    }

    /// GSSAPIStrictAcceptorCheck: the one name by which clients must know this host.
    fn service(&self) -> nix::Result<Option<String>> {
        if !self.candidate.effective.gssapi_strict_acceptor_check {
            return Ok(None);
        }
        let host = nix::unistd::gethostname()?;
        Ok(Some(format!("host@{}", host.to_string_lossy())))
    }

    fn go_on(
        &mut self,
        mut link: Answering<GssapiExchange>,
        accepting: Accepting,
    ) -> Result<(Answering<Authenticating>, Exchanged), Ending> {
        let mut stage = Stage::Accepting(accepting);
        let (exchanged, error_token) = loop {
            let request = self.child.next_request(self.connection, &mut link)?;
            self.since = sys::clock::monotonic();
            match (request, stage) {
                (GssapiRequest::Token(token), Stage::Accepting(accepting)) if token.len() <= MAX_GSSAPI_TOKEN => {
                    match do_bounded(self.child.bounds(&link), move || accepting.step(&token))? {
                        Ok(stepped) => {
                            let (next, token) = match stepped {
                                Stepped::GoesOn(accepting, token) => (Stage::Accepting(accepting), token),
                                Stepped::Done(established, token) => (Stage::Established(established), token),
                            };
                            let complete = matches!(next, Stage::Established(_));
                            stage = next;
                            self.child.answer(self.connection, &link, &GssapiAnswer::Token { token, complete })?;
                        }
                        Err(Refused { error, token }) => {
                            self.say(Level::Info, format!("{METHOD}: {error}"));
                            break (Exchanged::Failed, token);
                        }
                    }
                }
                (GssapiRequest::Mic(mic), Stage::Established(peer)) if mic.len() <= MAX_GSSAPI_TOKEN => {
                    break (self.check_mic(&link, peer, mic)?, Vec::new());
                }
                (GssapiRequest::GiveUp, _) => break (Exchanged::Failed, Vec::new()),
                (GssapiRequest::Abandon, _) => break (Exchanged::Abandoned, Vec::new()),
                _ => return Err(misbehaved(self.connection, "sends tokens that it was not asked for")),
            }
        };
        self.child.answer(self.connection, &link, &GssapiAnswer::Over { error_token })?;
        Ok((link.enter(), exchanged))
    }

    /// The code covers this session and what is asked for (RFC 4462 section 3.5), put together from this process's own
    /// facts.
    fn check_mic(
        &mut self,
        link: &Answering<GssapiExchange>,
        peer: Established,
        mic: Vec<u8>,
    ) -> Result<Exchanged, Ending> {
        let covered = request(self.exchange.session_id(), &self.candidate.claimed, METHOD);
        let user = self.candidate.user.clone();
        let checked = do_bounded(self.child.bounds(link), move || {
            peer.verify_mic(&covered, &mic)?;
            let (principal, may_be_user) = (peer.principal()?, peer.may_be(&user));
            Ok::<_, gssapi::GssError>(TicketsProven { principal, may_be_user, delegated: peer.into_delegated() })
        })?;
        Ok(match checked {
            Ok(proven) => Exchanged::Proven(proven),
            Err(error) => {
                self.say(Level::Info, format!("GSSAPI MIC check failed: {error}"));
                Exchanged::Failed
            }
        })
    }

    fn say(&mut self, level: Level, text: String) {
        self.connection.log(&Event::Said { level, text });
    }
}
