//! Pairs with `preauth/src/dialogue.rs`: `keyboard-interactive` (RFC 4256), in which PAM's modules ask.

use std::time::Duration;

use events::Level;
use events::monitor::{Attempt, Event};
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, Dialogue, DialogueAnswer, DialogueRequest, MAX_PASSWORD, Prompt, Questions,
};
use ipc::{Answering, Secret};
use pam::{Conversation, ConversationOver, Message, PamError, Transaction};
use zeroize::Zeroizing;

use crate::answers::check_password::{can_succeed, junk};
use crate::candidate::Candidate;
use crate::connection::Connection;
use crate::ending::Ending;
use crate::on_a_thread::{Asker, AtWork, Report};
use crate::pam_login::{AccountPhase, PamLogin};
use crate::preauth_child::{PreauthChild, misbehaved};

/// The one device there is (AuthenticationMethods' `keyboard-interactive:pam`).
pub(crate) const DEVICE: &str = "pam";

/// Longest text of a module that is shown, in bytes. With the most messages that a turn can have it fits a frame.
const LONGEST_TEXT: usize = 4 * 1024;

/// That the modules were content with the answers. Only this file makes one.
pub(crate) struct DialogueProven(());

impl DialogueProven {
    /// What AuthenticationMethods can name behind a colon.
    pub(crate) fn device(&self) -> &'static str {
        DEVICE
    }
}

/// How a dialogue ended.
pub(crate) enum Held {
    Proven(DialogueProven),
    Failed,
    /// The client tries something else.
    Abandoned,
}

/// What one dialogue needs.
pub(crate) struct Room<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) child: &'a PreauthChild,
    pub(crate) candidate: &'a Candidate,
    pub(crate) pam: &'a mut PamLogin,
    /// Whether a failure now would be seen at the default level; so are the steps of the dialogue.
    pub(crate) alarming: bool,
    /// When the last answer came: what a failure takes is counted from there.
    pub(crate) since: Duration,
}

/// Whether a client's list of submethods has the device, as a whole name. An empty list leaves the choice to us.
pub(crate) fn names_device(devices: &str) -> bool {
    devices.is_empty() || devices.split(',').any(|device| device == DEVICE)
}

type Answers = Vec<Zeroizing<Vec<u8>>>;
type Work = AtWork<Vec<Message>, Answers, (Transaction, Outcome)>;

/// What the modules came to.
enum Outcome {
    /// They are content, and so are those that look at accounts.
    Proven,
    /// The account may not be used.
    AccountDenied,
    Failed(PamError),
}

impl Room<'_> {
    /// Has the modules ask until they or the client have had enough.
    pub(crate) fn hold_dialogue(
        &mut self,
        link: Answering<Authenticating>,
    ) -> Result<(Answering<Authenticating>, Held), Ending> {
        if self.pam.account() == Some(AccountPhase::Denied) {
            return Ok((link, Held::Failed));
        }
        let Some(transaction) = self.pam.take(self.connection, self.candidate) else { return Ok((link, Held::Failed)) };
        let mut work = begin(transaction, self.candidate)?;
        match work.next_report(self.child.bounds(&link))? {
            Report::Done(done) => Ok((link, self.conclude(done))),
            Report::Asks(messages) => {
                let questions = questions(messages);
                let expected = questions.prompts.len();
                self.postponed("keyboard-interactive");
                self.child.answer(self.connection, &link, &AuthenticatingAnswer::Ask(questions))?;
                self.go_on(link.enter(), work, expected)
            }
        }
    }

    fn go_on(
        &mut self,
        mut link: Answering<Dialogue>,
        mut work: Work,
        mut expected: usize,
    ) -> Result<(Answering<Authenticating>, Held), Ending> {
        let held = loop {
            let request = self.child.next_request(self.connection, &mut link)?;
            self.since = sys::clock::monotonic();
            let responses = match request {
                DialogueRequest::Respond(responses) if responses.len() == expected => responses,
                DialogueRequest::Respond(_) => {
                    return Err(misbehaved(self.connection, "answers what it was not asked"));
                }
                _ => {
                    let (transaction, _) = work.finish(self.child.bounds(&link))?;
                    self.pam.give_back(transaction);
                    break Held::Abandoned;
                }
            };
            if responses.iter().any(|response| response.bytes().len() > MAX_PASSWORD) {
                let done = work.finish(self.child.bounds(&link))?;
                break self.conclude(done);
            }
            work.answer(self.answers(&responses));
            match work.next_report(self.child.bounds(&link))? {
                Report::Done(done) => break self.conclude(done),
                Report::Asks(messages) => {
                    let questions = questions(messages);
                    expected = questions.prompts.len();
                    self.postponed("keyboard-interactive/pam");
                    self.child.answer(self.connection, &link, &DialogueAnswer::Ask(questions))?;
                }
            }
        };
        self.child.answer(self.connection, &link, &DialogueAnswer::Over)?;
        Ok((link.enter(), held))
    }

    /// What the client typed; for candidates who cannot log in, something of the same length that nobody has.
    fn answers(&self, responses: &[Secret]) -> Answers {
        let can_succeed = can_succeed(self.candidate);
        let bytes = |response: &Secret| match can_succeed {
            true => Zeroizing::new(response.bytes().to_vec()),
            false => Zeroizing::new(junk(response.bytes().len()).bytes().to_vec()),
        };
        responses.iter().map(bytes).collect()
    }

    fn conclude(&mut self, (transaction, outcome): (Transaction, Outcome)) -> Held {
        self.pam.give_back(transaction);
        let why = match outcome {
            Outcome::Proven => {
                self.pam.note(&Ok(()));
                self.pam.account_was_checked(AccountPhase::Fine);
                return Held::Proven(DialogueProven(()));
            }
            Outcome::AccountDenied => {
                self.pam.account_was_checked(AccountPhase::Denied);
                "User account has expired".to_owned()
            }
            Outcome::Failed(error) => {
                let text = error.to_string();
                self.pam.note(&Err(error));
                text
            }
        };
        let illegal = if self.candidate.may_log_in() { "" } else { "illegal user " };
        let (user, from) = (&self.candidate.user, self.candidate.from.host_or_address());
        let text = format!("PAM: {why} for {illegal}{user} from {from}");
        self.connection.log(&Event::Said { level: Level::Error, text });
        Held::Failed
    }

    fn postponed(&mut self, method: &str) {
        let attempt = Attempt { method: method.to_owned(), key: None, alarming: self.alarming };
        self.connection.log(&Event::Postponed(attempt));
    }
}

/// Starts the modules on a thread: authentication, then the account, then a new password if that is wanted, all in one
/// conversation.
fn begin(mut transaction: Transaction, candidate: &Candidate) -> Result<Work, Ending> {
    let empty_passwords = candidate.effective.permit_empty_passwords;
    let can_succeed = can_succeed(candidate);
    let work = AtWork::start(move |asker| {
        let outcome = authenticate(&mut transaction, &mut Relay(asker), empty_passwords, can_succeed);
        (transaction, outcome)
    })?;
    Ok(work)
}

fn authenticate<Done>(
    transaction: &mut Transaction,
    partner: &mut Relay<'_, Done>,
    empty_passwords: bool,
    can_succeed: bool,
) -> Outcome {
    if let Err(error) = transaction.authenticate(partner, empty_passwords) {
        return Outcome::Failed(error);
    }
    if !can_succeed {
        // Modules that let everybody in, whatever was answered.
        return Outcome::AccountDenied;
    }
    match AccountPhase::of(&transaction.check_account(partner)) {
        AccountPhase::Fine => Outcome::Proven,
        AccountPhase::Denied => Outcome::AccountDenied,
        AccountPhase::MustChangePassword => match transaction.change_expired_password(partner) {
            Ok(()) => Outcome::Proven,
            Err(error) => Outcome::Failed(error),
        },
    }
}

/// Passes on what modules say and what is answered.
struct Relay<'a, Done>(&'a mut Asker<Vec<Message>, Answers, Done>);

impl<Done> Conversation for Relay<'_, Done> {
    fn take_turn(&mut self, messages: Vec<Message>) -> Result<Answers, ConversationOver> {
        self.0.ask(messages).map_err(|_| ConversationOver)
    }
}

/// Everything that was told stands above everything that is asked.
fn questions(messages: Vec<Message>) -> Questions {
    let mut questions = Questions::default();
    for message in messages {
        match message {
            Message::Prompt { text, echo } => questions.prompts.push(Prompt { text: shortened(text), echo }),
            Message::Info(text) | Message::Error(text) => {
                if !questions.instruction.is_empty() {
                    questions.instruction.push('\n');
                }
                questions.instruction.push_str(&shortened(text));
            }
        }
    }
    questions
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_is_named_by_its_whole_name() {
        for devices in ["", "pam", "skey,pam", "pam,pam"] {
            assert!(names_device(devices), "{devices}");
        }
        for devices in ["pa", "pamela", "PAM", "skey", ",", "pam ", "xpam"] {
            assert!(!names_device(devices), "{devices}");
        }
    }

    #[test]
    fn what_is_told_stands_above_what_is_asked() {
        let asked = questions(vec![
            Message::Info("Hello".to_owned()),
            Message::Prompt { text: "Password: ".to_owned(), echo: false },
            Message::Error("Caps lock?".to_owned()),
            Message::Prompt { text: "Token: ".to_owned(), echo: true },
        ]);
        assert_eq!(asked.instruction, "Hello\nCaps lock?");
        let prompts: Vec<_> = asked.prompts.iter().map(|prompt| (prompt.text.as_str(), prompt.echo)).collect();
        assert_eq!(prompts, [("Password: ", false), ("Token: ", true)]);
    }

    #[test]
    fn the_longest_turn_fits_a_frame() {
        let long = || Message::Prompt { text: "\u{1f600}".repeat(10_000), echo: false };
        let asked = questions((0..32).map(|_| long()).collect());
        let bytes: usize = asked.prompts.iter().map(|prompt| prompt.text.len()).sum();
        assert!(bytes + 32 * 16 < ipc::MAX_FRAME, "{bytes}");
    }
}
