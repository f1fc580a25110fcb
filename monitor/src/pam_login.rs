//! PAM's part in one login: one handle from the first password to the end of the session.

use std::io;

use events::Level;
use events::monitor::Event;
use pam::{Conversation, ConversationOver, Message, Pam, PamError, Problem, Transaction};
use zeroize::Zeroizing;

use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::on_a_thread::do_bounded;
use crate::preauth_child::Bounds;

/// Most that modules can tell a user at once, in bytes.
pub(crate) const MOST_WORDS: usize = 64 * 1024;

/// The state of one login's dealings with PAM. The handle is made when a method first needs it.
#[derive(Default)]
pub(crate) struct PamLogin {
    transaction: Option<Transaction>,
    /// What has been proven on this connection, for modules: one line for each method that succeeded.
    proven_so_far: String,
    account: Option<AccountPhase>,
    authenticated: bool,
    wants_no_more_tries: bool,
    messages: String,
}

/// What PAM says of the account; it is asked once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountPhase {
    /// It may be used.
    Fine,
    /// It may be used to change its password.
    MustChangePassword,
    /// It may not be used.
    Denied,
}

impl AccountPhase {
    /// What pam_acct_mgmt(3) returned.
    pub(crate) fn of(result: &Result<(), PamError>) -> Self {
        match result {
            Ok(()) => Self::Fine,
            Err(PamError { problem: Problem::NewPasswordRequired, .. }) => Self::MustChangePassword,
            Err(_) => Self::Denied,
        }
    }
}

impl PamLogin {
    /// For modules: which methods have succeeded so far, and with which keys.
    pub(crate) fn tell_what_is_proven(&mut self, lines: &str) {
        lines.clone_into(&mut self.proven_so_far);
    }

    /// The handle, for one step; it must be given back. `None` when PAM cannot be used: the log has been told.
    pub(crate) fn take(&mut self, connection: &mut Connection, candidate: &Candidate) -> Option<Transaction> {
        let begun = match self.transaction.take() {
            Some(transaction) => Ok(transaction),
            None => begin(connection, candidate),
        };
        let prepared = begun.and_then(|mut transaction| {
            transaction.put_variable("SSH_AUTH_INFO_0", &self.proven_so_far).map_err(io::Error::other)?;
            Ok(transaction)
        });
        prepared
            .inspect_err(|error| {
                let text = format!("PAM: initialization failed: {error}");
                connection.log(&Event::Said { level: Level::Error, text });
            })
            .ok()
    }

    pub(crate) fn give_back(&mut self, transaction: Transaction) {
        self.transaction = Some(transaction);
    }

    /// The modules let the user in, or they did not.
    pub(crate) fn note(&mut self, result: &Result<(), PamError>) {
        match result {
            Ok(()) => self.authenticated = true,
            Err(error) => self.wants_no_more_tries |= error.problem == Problem::TooManyTries,
        }
    }

    /// A module has seen enough attempts: methods that ask PAM are not there any more.
    pub(crate) fn wants_no_more_tries(&self) -> bool {
        self.wants_no_more_tries
    }

    /// Whether modules let the user in, and not a key alone.
    pub(crate) fn has_authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) fn account(&self) -> Option<AccountPhase> {
        self.account
    }

    pub(crate) fn account_was_checked(&mut self, phase: AccountPhase) {
        self.account = Some(phase);
    }

    /// Modules had something to tell the user when nobody could be told.
    pub(crate) fn keep_messages(&mut self, messages: &str) {
        self.messages.push_str(messages);
    }

    /// What the user is still to be told.
    pub(crate) fn take_messages(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.messages)).filter(|text| !text.is_empty())
    }

    /// A password for every question that hides its answer (as theirs: what else it may ask has no answer).
    pub(crate) fn password_is_right(
        &mut self,
        connection: &mut Connection,
        bounds: Bounds<'_>,
        candidate: &Candidate,
        password: &[u8],
    ) -> Result<bool, Ending> {
        let Some(mut transaction) = self.take(connection, candidate) else { return Ok(false) };
        let empty_passwords = candidate.effective.permit_empty_passwords;
        let mut partner = Blind { password: Zeroizing::new(password.to_vec()), heard: Heard::default() };
        let (transaction, result, messages) = do_bounded(bounds, move || {
            let result = transaction.authenticate(&mut partner, empty_passwords);
            (transaction, result, partner.heard.0)
        })?;
        self.give_back(transaction);
        self.note(&result);
        self.keep_messages(&messages);
        if let Err(error) = &result {
            let text = format!("PAM: password authentication failed for {}: {error}", candidate.user);
            connection.log(&Event::Said { level: Level::Debug1, text });
        }
        Ok(result.is_ok())
    }

    /// The handle for the session, begun now if no method has needed it.
    pub(crate) fn into_transaction(self) -> Option<Transaction> {
        self.transaction
    }
}

fn begin(connection: &mut Connection, candidate: &Candidate) -> io::Result<Transaction> {
    let (service, user) = (&candidate.effective.pam_service_name, &candidate.user);
    let text = format!("PAM: initializing for \"{user}\" with service \"{service}\"");
    connection.log(&Event::Said { level: Level::Debug1, text });
    let mut transaction = Transaction::start(Pam::load()?, service, user).map_err(io::Error::other)?;
    set_surroundings(&mut transaction, connection, candidate).map_err(io::Error::other)?;
    Ok(transaction)
}

fn set_surroundings(
    transaction: &mut Transaction,
    connection: &Connection,
    candidate: &Candidate,
) -> Result<(), PamError> {
    let (peer, local) = (&connection.facts.peer, &connection.facts.local);
    if candidate.from.address.is_some() {
        transaction.set_remote_host(&candidate.from.host_or_address())?;
    }
    if candidate.from.local_address.is_some() {
        let ends = format!("{} {} {} {}", peer.address, peer.port, local.address, local.port);
        transaction.put_variable("SSH_CONNECTION", &ends)?;
    }
    // Some modules want a terminal, and there is none yet.
    transaction.set_terminal("ssh")
}

/// What modules told, up to [`MOST_WORDS`].
#[derive(Default)]
pub(crate) struct Heard(pub(crate) String);

impl Heard {
    /// Takes down what is told; whether anything is asked.
    fn listen(&mut self, messages: &[Message]) -> bool {
        for message in messages {
            let (Message::Info(text) | Message::Error(text)) = message else { continue };
            if !text.is_empty() && self.0.len().saturating_add(text.len()) < MOST_WORDS {
                self.0.push_str(text);
                self.0.push('\n');
            }
        }
        messages.iter().any(|message| matches!(message, Message::Prompt { .. }))
    }
}

/// Listens, and has no answers.
#[derive(Default)]
pub(crate) struct Listening(pub(crate) Heard);

impl Conversation for Listening {
    fn take_turn(&mut self, messages: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver> {
        if self.0.listen(&messages) { Err(ConversationOver) } else { Ok(Vec::new()) }
    }
}

/// Has one password for whatever hides its answer.
struct Blind {
    password: Zeroizing<Vec<u8>>,
    heard: Heard,
}

impl Conversation for Blind {
    fn take_turn(&mut self, messages: Vec<Message>) -> Result<Vec<Zeroizing<Vec<u8>>>, ConversationOver> {
        self.heard.listen(&messages);
        let answer = |message: &Message| match message {
            Message::Prompt { echo: true, .. } => Some(Err(ConversationOver)),
            Message::Prompt { echo: false, .. } => Some(Ok(self.password.clone())),
            _ => None,
        };
        messages.iter().filter_map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden() -> Message {
        Message::Prompt { text: "Password: ".to_owned(), echo: false }
    }

    #[test]
    fn a_password_is_for_hidden_answers_alone() {
        let mut partner = Blind { password: Zeroizing::new(b"secret".to_vec()), heard: Heard::default() };
        let told = Message::Info("It is late.".to_owned());
        let answers = partner.take_turn(vec![told, hidden(), hidden()]).unwrap();
        assert_eq!(answers, [Zeroizing::new(b"secret".to_vec()), Zeroizing::new(b"secret".to_vec())]);
        assert_eq!(partner.heard.0, "It is late.\n");
        let seen = Message::Prompt { text: "Colour? ".to_owned(), echo: true };
        assert_eq!(partner.take_turn(vec![hidden(), seen]), Err(ConversationOver));
    }

    #[test]
    fn nobody_answers_behind_the_dialogue() {
        let mut partner = Listening::default();
        assert_eq!(partner.take_turn(vec![Message::Error("no".to_owned())]), Ok(Vec::new()));
        assert_eq!(partner.take_turn(vec![hidden()]), Err(ConversationOver));
        assert_eq!(partner.0.0, "no\n");
    }

    #[test]
    fn modules_that_talk_without_end_are_not_written_down_without_end() {
        let mut heard = Heard::default();
        for _ in 0..200 {
            heard.listen(&[Message::Info("x".repeat(1000))]);
        }
        assert!(heard.0.len() <= MOST_WORDS);
    }
}
