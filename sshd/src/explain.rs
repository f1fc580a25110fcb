//! `sshd --explain`: what would happen to a login, and why. The question is put to `sshd-monitor`, whose functions
//! decide about real logins; this process reads the configuration and the key's file, and passes the answer on.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::{ConnectionFacts, Endpoint};
use ipc::start::{self, Credential, ExplainStart, LINK, MonitorTask, Penalties};
use settings::{Settings, port_number};
use sys::process::{Ended, Program};
use thiserror::Error;

use crate::command_line::CommandLine;
use crate::listen::{helpers, monitors};
use crate::load::load_and_report;
use crate::running;

/// Exit status when there is no answer; 0 and 1 are answers.
const NO_ANSWER: u8 = 255;

/// Largest file of a key or certificate in bytes: the longest certificates have 64 KiB before they are encoded.
const LARGEST_KEY_FILE: u64 = 96 * 1024;

/// The port of a client that does not exist.
const NO_PORT: u16 = 0;

/// Why there is no answer.
#[derive(Debug, Error)]
enum NoAnswer {
    #[error("--explain: only root can look at everybody's files")]
    NotRoot,
    #[error("--explain: \"{0}\" is not KEY=VALUE")]
    NoPair(String),
    #[error("--explain: unknown key \"{0}\"; known are user, addr, host, laddr, lport, rdomain, key, cert and method")]
    UnknownKey(String),
    #[error("--explain: {0}= is given twice")]
    Twice(&'static str),
    #[error("--explain: {0}= is missing")]
    Missing(&'static str),
    #[error("--explain: {0}=\"{1}\" is no address")]
    BadAddress(&'static str, String),
    #[error("--explain: lport=\"{0}\" is no port")]
    BadPort(String),
    #[error("--explain: only one of key=, cert= and method= can be tried at a time")]
    SeveralCredentials,
    #[error("--explain: cannot read {0}: {1}")]
    UnreadableKey(String, io::Error),
    #[error("--explain: {0} is larger than {LARGEST_KEY_FILE} bytes")]
    LargeKey(String),
    #[error("--explain: {0} is a private key; name the public one (.pub): it is all that is looked at")]
    PrivateKey(String),
    #[error("--explain: {0} holds no public key")]
    NoKey(String),
    #[error("{0}")]
    Helpers(#[from] helpers::MissingHelper),
    #[error("cannot start sshd-monitor: {0}")]
    Monitor(#[from] io::Error),
    #[error("cannot tell sshd-monitor what to do: {0}")]
    Message(#[from] ipc::IpcError),
    #[error("sshd-monitor ended without an answer")]
    Died,
}

/// Exit status 0: would be let in; 1: would not; 255: the question cannot be answered.
pub fn run(command_line: &CommandLine) -> ExitCode {
    let specification = command_line.explain.as_deref().unwrap_or_default();
    let question = match Question::read(specification) {
        Ok(question) => question,
        Err(why) => return no_answer(command_line, &why),
    };
    let loaded = match load_and_report(command_line) {
        Ok(loaded) => loaded,
        Err(_) => return ExitCode::from(NO_ANSWER),
    };
    match ask(&question, &loaded.settings, command_line.json) {
        Ok(status) => ExitCode::from(status),
        Err(why) => no_answer(command_line, &why),
    }
}

fn no_answer(command_line: &CommandLine, why: &NoAnswer) -> ExitCode {
    command_line.say(&format!("sshd: {why}"));
    ExitCode::from(NO_ANSWER)
}

/// What is asked, as it was typed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Question {
    user: Option<String>,
    addr: Option<String>,
    host: Option<String>,
    laddr: Option<String>,
    lport: Option<String>,
    rdomain: Option<String>,
    key: Option<String>,
    cert: Option<String>,
    method: Option<String>,
}

impl Question {
    /// `user=NAME,addr=ADDRESS,…` as with `-C`.
    fn read(specification: &str) -> Result<Self, NoAnswer> {
        let mut question = Self::default();
        for item in specification.split(',').filter(|item| !item.is_empty()) {
            let (key, value) = item.split_once('=').ok_or_else(|| NoAnswer::NoPair(item.to_owned()))?;
            let (name, slot) = match key {
                "user" => ("user", &mut question.user),
                "addr" => ("addr", &mut question.addr),
                "host" => ("host", &mut question.host),
                "laddr" => ("laddr", &mut question.laddr),
                "lport" => ("lport", &mut question.lport),
                "rdomain" => ("rdomain", &mut question.rdomain),
                "key" => ("key", &mut question.key),
                "cert" => ("cert", &mut question.cert),
                "method" => ("method", &mut question.method),
                _ => return Err(NoAnswer::UnknownKey(key.to_owned())),
            };
            if slot.replace(value.to_owned()).is_some() {
                return Err(NoAnswer::Twice(name));
            }
        }
        Ok(question)
    }

    fn start(&self, settings: &Settings, as_json: bool) -> Result<ExplainStart, NoAnswer> {
        let user = self.user.clone().ok_or(NoAnswer::Missing("user"))?;
        let peer = self.addr.as_deref().ok_or(NoAnswer::Missing("addr"))?;
        let peer = Endpoint { address: address("addr", peer)?.to_string(), port: NO_PORT };
        Ok(ExplainStart {
            facts: ConnectionFacts { peer, local: self.local(settings)?, ..ConnectionFacts::none() },
            host_name: self.host.clone(),
            routing_domain: self.rdomain.clone().unwrap_or_default(),
            user,
            credential: self.credential()?,
            penalties: penalties(settings, address("addr", self.addr.as_deref().unwrap_or_default())?),
            as_json,
        })
    }

    /// Where the client would have connected to: unless told otherwise, the first address that is listened on.
    fn local(&self, settings: &Settings) -> Result<Endpoint, NoAnswer> {
        let first = settings.listen_sockets.first();
        let address = match (&self.laddr, first) {
            (Some(text), _) => address("laddr", text)?.to_string(),
            (None, Some(first)) => first.ip().to_string(),
            (None, None) => Endpoint::unknown().address,
        };
        let port = match (&self.lport, first) {
            (Some(text), _) => port_number(text).ok_or_else(|| NoAnswer::BadPort(text.clone()))?,
            (None, first) => first.map_or(NO_PORT, |first| first.port()),
        };
        Ok(Endpoint { address, port })
    }

    fn credential(&self) -> Result<Option<Credential>, NoAnswer> {
        match (self.key.as_ref().or(self.cert.as_ref()), &self.method) {
            _ if self.key.is_some() && self.cert.is_some() => Err(NoAnswer::SeveralCredentials),
            (Some(_), Some(_)) => Err(NoAnswer::SeveralCredentials),
            (Some(file), None) => Ok(Some(Credential::Key { file: file.clone(), blob: read_key(file)? })),
            (None, method) => Ok(method.clone().map(Credential::Method)),
        }
    }
}

/// What the running server would do with a connection from there.
fn penalties(settings: &Settings, address: IpAddr) -> Penalties {
    let answer = running::pid(settings.global().pid_file.as_deref()).and_then(|pid| running::standing_of(pid, address));
    match answer {
        Err(why) => Penalties::Unknown(why.to_string()),
        Ok(answer) if answer.starts_with("accepted") => Penalties::Accepted(answer),
        Ok(answer) => Penalties::Refused(answer),
    }
}

fn address(key: &'static str, text: &str) -> Result<IpAddr, NoAnswer> {
    text.parse().map_err(|_| NoAnswer::BadAddress(key, text.to_owned()))
}

/// The blob in a file as `ssh-keygen` writes them: `TYPE BASE64 COMMENT`.
fn read_key(file: &str) -> Result<Vec<u8>, NoAnswer> {
    let unreadable = |why| NoAnswer::UnreadableKey(file.to_owned(), why);
    let mut text = Vec::new();
    File::open(file).and_then(|opened| opened.take(LARGEST_KEY_FILE + 1).read_to_end(&mut text)).map_err(unreadable)?;
    if text.len() as u64 > LARGEST_KEY_FILE {
        return Err(NoAnswer::LargeKey(file.to_owned()));
    }
    if text.starts_with(b"-----BEGIN") {
        return Err(NoAnswer::PrivateKey(file.to_owned()));
    }
    let base64 = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1);
    base64.and_then(|base64| STANDARD.decode(base64).ok()).ok_or_else(|| NoAnswer::NoKey(file.to_owned()))
}

/// Has a monitor answer on standard output; its exit status is the answer's.
fn ask(question: &Question, settings: &Settings, as_json: bool) -> Result<u8, NoAnswer> {
    if !sys::identity::is_root() {
        return Err(NoAnswer::NotRoot);
    }
    let start = question.start(settings, as_json)?;
    let sealed = start::seal("settings", settings)?;
    let monitor = helpers::open_monitor()?;
    let (output, errors) = (io::stdout(), io::stderr());
    let (ours, theirs) = sys::fd::seqpacket_pair()?;
    let process = sys::process::start(&Program {
        executable: monitor.as_fd(),
        argv: vec![c"sshd: [explain]".to_owned()],
        environment: monitors::environment(),
        descriptors: vec![(theirs.as_fd(), LINK), (errors.as_fd(), 2)],
        new_session: false,
    })?;
    drop(theirs);
    start::send(ours.as_fd(), &MonitorTask::Explain(Box::new(start)), &[sealed.as_fd(), output.as_fd()])?;
    match process.wait()? {
        Ended::Exited(status) => u8::try_from(status).map_err(|_| NoAnswer::Died),
        Ended::Signalled { .. } => Err(NoAnswer::Died),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_a_user_and_an_address() {
        let settings = Settings::default();
        let missing = |text: &str| Question::read(text).unwrap().start(&settings, false).unwrap_err().to_string();
        assert_eq!(missing("addr=192.0.2.7"), "--explain: user= is missing");
        assert_eq!(missing("user=alice"), "--explain: addr= is missing");
        assert_eq!(missing("user=alice,addr=here"), "--explain: addr=\"here\" is no address");
        assert_eq!(missing("user=a,addr=::1,lport=ssh!"), "--explain: lport=\"ssh!\" is no port");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let mistake = |text: &str| Question::read(text).unwrap_err().to_string();
        assert!(mistake("user").contains("\"user\" is not KEY=VALUE"));
        assert!(mistake("user=a,password=secret").contains("unknown key \"password\""));
        assert!(mistake("user=a,user=b").contains("user= is given twice"));
    }

    #[test]
    fn one_credential_at_a_time() {
        let question = Question::read("user=a,addr=::1,key=/x,method=password").unwrap();
        assert!(matches!(question.credential(), Err(NoAnswer::SeveralCredentials)));
        let question = Question::read("user=a,addr=::1,key=/nonexistent").unwrap();
        assert!(matches!(question.credential(), Err(NoAnswer::UnreadableKey(..))));
    }
}
