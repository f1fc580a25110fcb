//! Everything that a less trusted process can ask for, on one page.
//!
//! | phase | who asks | ends with |
//! |---|---|---|
//! | [`KeyExchange`] | `sshd-preauth` | the one signature of the host key |
//! | [`NamingUser`] | `sshd-preauth` | the one look-up of a user |
//! | [`Authenticating`] | `sshd-preauth` | the monitor's decision |
//! | [`Dialogue`] | `sshd-preauth` | the end of one `keyboard-interactive`, then [`Authenticating`] goes on |
//! | [`GssapiExchange`] | `sshd-preauth` | the end of one `gssapi-with-mic`, then [`Authenticating`] goes on |
//! | [`HandingOver`] | `sshd-preauth` | the transport's state |
//! | [`LoggedIn`] | `sshd-session` | the connection |
//!
//! What the monitor itself asks of `sshd-forward` stands in [`crate::forwarding`].
//!
//! The user's name is fixed by the look-up; no later message carries it. The data that a login signature covers is
//! put together by the monitor from its own facts (session id, user, key): no message carries that either.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::forwarding::{ConnectTo, ListenOn, X11Authentication};
use crate::link::Phase;

/// Nothing is known but an address.
#[derive(Debug)]
pub struct KeyExchange;

/// The exchange is signed; no user has been named.
#[derive(Debug)]
pub struct NamingUser;

/// A user is named and tries to prove who they are.
#[derive(Debug)]
pub struct Authenticating;

/// A user answers questions (RFC 4256). In this phase nothing else can be tried.
#[derive(Debug)]
pub struct Dialogue;

/// A user shows Kerberos tickets (RFC 4462 section 3). In this phase nothing else can be tried.
#[derive(Debug)]
pub struct GssapiExchange;

/// The monitor has let the user in; the state of the transport is under way.
#[derive(Debug)]
pub struct HandingOver;

/// `sshd-session` serves the user.
#[derive(Debug)]
pub struct LoggedIn;

impl Phase for KeyExchange {
    type Request = KeyExchangeRequest;
    type Answer = KeyExchangeAnswer;
    const NUMBER: u8 = 1;
}

impl Phase for NamingUser {
    type Request = NamingUserRequest;
    type Answer = NamingUserAnswer;
    const NUMBER: u8 = 2;
}

impl Phase for Authenticating {
    type Request = AuthenticatingRequest;
    type Answer = AuthenticatingAnswer;
    const NUMBER: u8 = 3;
}

impl Phase for HandingOver {
    type Request = HandingOverRequest;
    type Answer = HandingOverAnswer;
    const NUMBER: u8 = 4;
}

impl Phase for LoggedIn {
    type Request = LoggedInRequest;
    type Answer = LoggedInAnswer;
    const NUMBER: u8 = 5;
}

impl Phase for Dialogue {
    type Request = DialogueRequest;
    type Answer = DialogueAnswer;
    const NUMBER: u8 = 6;
}

impl Phase for GssapiExchange {
    type Request = GssapiRequest;
    type Answer = GssapiAnswer;
    const NUMBER: u8 = 7;
}

/// Before any user is named.
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyExchangeRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// A group for a group exchange (RFC 4419): granted once. Answered by [`KeyExchangeAnswer::Group`].
    ChooseGroup(PrimeSizes),
    /// Sign the exchange hash: granted once in a connection's life before login. The hash becomes the session id
    /// that login signatures cover. Answered by [`KeyExchangeAnswer::Signed`], which opens [`NamingUser`].
    SignExchange(ExchangeToSign),
}

/// What a group's prime may be, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimeSizes {
    /// No smaller one.
    pub minimum: u32,
    /// What the client would like best.
    pub wanted: u32,
    /// No larger one.
    pub maximum: u32,
}

/// A group of ModuliFile; numbers are big-endian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModpGroup {
    /// A safe prime.
    pub prime: Vec<u8>,
    /// A generator.
    pub generator: Vec<u8>,
}

/// A hash for the host key to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeToSign {
    /// Which of the host keys, by the index of the start message.
    pub host_key: u32,
    /// The signature algorithm that was negotiated, such as `rsa-sha2-512`.
    pub algorithm: String,
    /// H of RFC 4253 section 8; 20, 32, 48 or 64 bytes.
    pub exchange_hash: Vec<u8>,
}

/// To [`KeyExchangeRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyExchangeAnswer {
    /// A group; none if there is nothing to choose from.
    Group(Option<ModpGroup>),
    /// The signature blob.
    Signed(Vec<u8>),
}

/// One look-up.
#[derive(Debug, Serialize, Deserialize)]
pub enum NamingUserRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// Who wants to log in. Answered by [`NamingUserAnswer::Named`], which opens [`Authenticating`]; the answer is
    /// the same for names that exist and names that do not.
    LookUpUser {
        /// At most [`MAX_USER_NAME`] bytes of UTF-8.
        user: String,
    },
}

/// Longest user name in bytes that is looked up.
pub const MAX_USER_NAME: usize = 256;

/// To [`NamingUserRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub enum NamingUserAnswer {
    /// How this user may go on.
    Named {
        /// Text for SSH_MSG_USERAUTH_BANNER, if there is any.
        banner: Option<String>,
        /// How deep the details go that the log takes from here on: a Match block may have changed LogLevel.
        details: Option<events::Depth>,
    },
}

/// Attempts to log in. Each of them but [`AuthenticatingRequest::Record`] is answered once.
#[derive(Debug, Serialize, Deserialize)]
pub enum AuthenticatingRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// The method `none` (RFC 4252 section 5.2).
    None,
    /// `publickey` without a signature: would this key do? (RFC 4252 section 7)
    QueryKey(OfferedKey),
    /// `publickey` with a signature. The monitor looks the key up again and verifies in one step, so nothing that was
    /// found out in an earlier request needs to be remembered or can be mixed up.
    CheckSignature {
        /// The key.
        key: OfferedKey,
        /// The signature blob as the client sent it.
        signature: Vec<u8>,
        /// `publickey-hostbound-v00@openssh.com`: the signature also covers our host key.
        hostbound: bool,
    },
    /// `password` (RFC 4252 section 8).
    CheckPassword {
        /// At most [`MAX_PASSWORD`] bytes, or one more when it was longer: such a password is refused.
        password: Secret,
    },
    /// `password` with a new password in place of an expired one: nobody is asked for that here, so nobody can do it.
    ChangePassword,
    /// `hostbased` (RFC 4252 section 9).
    CheckHost(VouchingHost),
    /// `keyboard-interactive` (RFC 4256 section 3.1). Answered by [`AuthenticatingAnswer::Ask`], which opens
    /// [`Dialogue`], or like any other attempt.
    BeginDialogue {
        /// Submethods that the client would like, separated by commas; empty for any.
        devices: String,
    },
    /// `gssapi-with-mic` (RFC 4462 section 3.2). Answered by [`AuthenticatingAnswer::SendTokens`], which opens
    /// [`GssapiExchange`], or like any other attempt.
    BeginGssapi {
        /// Whether Kerberos is among the mechanisms that the client names.
        kerberos: bool,
    },
    /// A method that is not offered, or a request that makes no sense: it counts as a failure.
    Unusable {
        /// The method's name, for the log.
        method: String,
    },
}

/// Longest password in bytes that is looked at: hashing takes longer the longer it is (CVE-2016-6515).
pub const MAX_PASSWORD: usize = 1024;

/// A public key that a client names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKey {
    /// The signature algorithm of the request, such as `rsa-sha2-256`.
    pub algorithm: String,
    /// The public key blob.
    pub blob: Vec<u8>,
}

/// A host that vouches for its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VouchingHost {
    /// Its key.
    pub key: OfferedKey,
    /// Its name as the client sends it.
    pub host: String,
    /// The user there.
    pub user: String,
    /// The signature blob as the client sent it.
    pub signature: Vec<u8>,
}

/// To [`AuthenticatingRequest`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthenticatingAnswer {
    /// Something for the user to read: SSH_MSG_USERAUTH_BANNER. The answer proper follows.
    Tell(String),
    /// The first questions of a dialogue. Opens [`Dialogue`].
    Ask(Questions),
    /// The key of a query would do: SSH_MSG_USERAUTH_PK_OK.
    KeyWouldDo,
    /// Kerberos it is: SSH_MSG_USERAUTH_GSSAPI_RESPONSE. Opens [`GssapiExchange`].
    SendTokens,
    /// SSH_MSG_USERAUTH_FAILURE.
    Failed {
        /// Methods that can continue.
        can_continue: Vec<String>,
        /// Partial success.
        partial: bool,
    },
    /// The user is in: SSH_MSG_USERAUTH_SUCCESS. Opens [`HandingOver`].
    LoggedIn,
    /// SSH_MSG_DISCONNECT with this reason and text (too many failures, an account that may not be used …).
    Disconnect {
        /// RFC 4253 section 11.1
        reason: u32,
        /// What to tell the client.
        text: String,
    },
}

/// What a dialogue asks at once: SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 section 3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Questions {
    /// What is to be read first; may be empty.
    pub instruction: String,
    /// None at all where the user has nothing to say.
    pub prompts: Vec<Prompt>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The question.
    pub text: String,
    /// Whether what is typed may be seen.
    pub echo: bool,
}

/// Answers of a user.
#[derive(Debug, Serialize, Deserialize)]
pub enum DialogueRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// One response for each prompt (RFC 4256 section 3.4), of at most [`MAX_PASSWORD`] bytes, or one more when it was
    /// longer. Answered by [`DialogueAnswer::Ask`] or [`DialogueAnswer::Over`].
    Respond(Vec<Secret>),
    /// The client tries something else instead (RFC 4256 section 3.1). Answered by [`DialogueAnswer::Over`].
    Abandon,
}

/// To [`DialogueRequest`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialogueAnswer {
    /// More questions.
    Ask(Questions),
    /// That was all: [`Authenticating`] goes on. Unless the dialogue was abandoned, its outcome follows there.
    Over,
}

/// Tokens of GSS-API (RFC 4462 section 3): only Kerberos knows what is in them.
#[derive(Debug, Serialize, Deserialize)]
pub enum GssapiRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// A token, of at most [`MAX_GSSAPI_TOKEN`] bytes. Answered by [`GssapiAnswer::Token`] or [`GssapiAnswer::Over`].
    Token(Vec<u8>),
    /// After the last token: a message integrity code over this session and what is asked for, of at most
    /// [`MAX_GSSAPI_TOKEN`] bytes. Answered by [`GssapiAnswer::Over`].
    Mic(Vec<u8>),
    /// The client's Kerberos says no. Answered by [`GssapiAnswer::Over`].
    GiveUp,
    /// The client tries something else instead. Answered by [`GssapiAnswer::Over`].
    Abandon,
}

/// Longest token in bytes: what fits a packet before login (RFC 4253 section 6.1). Tickets of accounts in hundreds of
/// groups have about half of it.
pub const MAX_GSSAPI_TOKEN: usize = 32 * 1024;

/// To [`GssapiRequest`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GssapiAnswer {
    /// A token for the client; may be empty where it needs none.
    Token {
        /// The token.
        token: Vec<u8>,
        /// Both sides know each other: a MIC must follow.
        complete: bool,
    },
    /// That was all: [`Authenticating`] goes on. Unless the exchange was abandoned, its outcome follows there.
    Over {
        /// For SSH_MSG_USERAUTH_GSSAPI_ERRTOK; empty when there is nothing to tell.
        error_token: Vec<u8>,
    },
}

/// The one thing left to do for the process before login.
#[derive(Debug, Serialize, Deserialize)]
pub enum HandingOverRequest {
    /// Something for the log. Not answered.
    Record(events::preauth::Event),
    /// The encoded state of the transport, opaque to the monitor. Not answered: the process ends.
    HandOver(Vec<u8>),
}

/// To [`HandingOverRequest`]: there is nothing to say.
#[derive(Debug, Serialize, Deserialize)]
pub enum HandingOverAnswer {}

/// Requests of a logged-in user's session. Answers come in the order of the requests, but those about forwardings,
/// which come in their own time and name what they answer; [`LoggedInAnswer::Ended`] comes whenever a command ends.
#[derive(Debug, Serialize, Deserialize)]
pub enum LoggedInRequest {
    /// Something for the log. Not answered.
    Record(events::session::Event),
    /// What has become of a file that `internal-sftp` serves, for the stream of events and the spool. Not answered.
    RecordFile(events::files::Event),
    /// A group for a later group exchange. Answered by [`LoggedInAnswer::Group`].
    ChooseGroup(PrimeSizes),
    /// Sign the hash of a later key exchange. Answered by [`LoggedInAnswer::Signed`].
    SignRekey(ExchangeToSign),
    /// Prove that these are our host keys (`hostkeys-prove-00@openssh.com`). The monitor puts together what is signed,
    /// from its own session id and its own keys. Answered by [`LoggedInAnswer::HostKeysProven`] or
    /// [`LoggedInAnswer::Refused`].
    ProveHostKeys(Vec<Vec<u8>>),
    /// A terminal for a session channel. Answered by [`LoggedInAnswer::Terminal`] or [`LoggedInAnswer::Refused`].
    OpenTerminal {
        /// The session's number, chosen by the asker, unused so far.
        session: u32,
        /// TERM
        term: String,
        /// Its size.
        size: TerminalSize,
    },
    /// Start what the client asked for, or what is forced instead. Answered by [`LoggedInAnswer::Started`],
    /// [`LoggedInAnswer::ServeSftp`] or [`LoggedInAnswer::Refused`].
    Start {
        /// The session's number: the one of its terminal, or an unused one.
        session: u32,
        /// What the client wants.
        what: Wanted,
        /// Variables that the client sent and AcceptEnv lets through (the monitor checks again).
        environment: Vec<(String, Vec<u8>)>,
    },
    /// Send a signal to the command's process group (RFC 4254 section 6.9). Not answered.
    Signal {
        /// The session.
        session: u32,
        /// Name without `SIG`.
        name: String,
    },
    /// The session's channel is closed: hang up. Not answered.
    CloseSession {
        /// The session.
        session: u32,
        /// Bytes of data that were sent to the client, for accounts.
        sent: u64,
        /// Bytes of data that came from it.
        received: u64,
    },
    /// A socket behind which the client's agent answers (`auth-agent-req@openssh.com`); what is started from then on
    /// finds it. Answered as [`Self::Listen`], ended by [`Self::StopListening`].
    ListenForAgent {
        /// The forwarding's number, unused so far.
        number: u32,
    },
    /// An X11 display for what this session starts (RFC 4254 section 6.3.1). Answered and ended as above.
    ListenForX11 {
        /// The forwarding's number, unused so far.
        number: u32,
        /// The session.
        session: u32,
        /// What its programs prove themselves to the client's display with.
        authentication: X11Authentication,
    },
    /// A tun(4) device (`tun@openssh.com`). Answered as [`Self::Connect`].
    OpenTunnel {
        /// The channel's number, as for [`Self::Connect`].
        number: u32,
        /// 1: layer 3; 2: layer 2.
        mode: u32,
        /// Which device; 0x7fffffff for any.
        unit: u32,
    },
    /// Names for `internal-sftp`, whose process may not ask the system. Answered by [`LoggedInAnswer::Name`].
    NameOfUser {
        /// User id.
        uid: u32,
    },
    /// As above, for a group.
    NameOfGroup {
        /// Group id.
        gid: u32,
    },
    /// A user's home directory (`expand-path@openssh.com`). Answered by [`LoggedInAnswer::Name`].
    HomeOfUser {
        /// User name.
        user: String,
    },
    /// Reach something for a channel that the client opens, if this login may. Answered in its own time by
    /// [`LoggedInAnswer::Connected`] or [`LoggedInAnswer::NotConnected`].
    Connect {
        /// Names it in the answer; chosen by the asker, not under way.
        number: u32,
        /// What to reach.
        to: ConnectTo,
        /// Who is said to want it, for the log.
        originator: Originator,
    },
    /// Listen for connections to be passed to the client, if this login may. Answered in its own time by
    /// [`LoggedInAnswer::Listening`] or [`LoggedInAnswer::NotListening`].
    Listen {
        /// Names it from now on; chosen by the asker, unused so far.
        number: u32,
        /// Where, as the client names it.
        on: ListenOn,
    },
    /// Nobody listens there any more: what is left of it in the file system goes. Not answered.
    StopListening {
        /// The number of its [`LoggedInRequest::Listen`].
        number: u32,
    },
}

/// Who is said to want a forwarded connection: the client's words, true or not (RFC 4254 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Originator {
    /// An address.
    pub address: String,
    /// A port.
    pub port: u32,
}

/// What a session channel asks to run (RFC 4254 section 6.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// `shell`
    Shell,
    /// `exec`
    Command(Vec<u8>),
    /// `subsystem`
    Subsystem(String),
}

/// RFC 4254 section 6.2
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Characters
    pub columns: u32,
    /// Characters
    pub rows: u32,
    /// Pixels
    pub width: u32,
    /// Pixels
    pub height: u32,
}

/// To [`LoggedInRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub enum LoggedInAnswer {
    /// A group; none if there is nothing to choose from.
    Group(Option<ModpGroup>),
    /// The signature blob.
    Signed(Vec<u8>),
    /// The signature blobs, in the order of the keys.
    HostKeysProven(Vec<Vec<u8>>),
    /// A terminal; brings 1 descriptor: the master side.
    Terminal {
        /// Its device, such as `/dev/pts/3`.
        name: String,
    },
    /// The command runs. Brings no descriptors when it has the session's terminal, else 3: where to write its
    /// standard input, where to read its standard output and its standard error.
    Started {
        /// Whether it runs on the session's terminal.
        on_terminal: bool,
    },
    /// The asker itself is to serve SFTP on this channel (`internal-sftp`).
    ServeSftp {
        /// Arguments behind the name.
        arguments: Vec<String>,
    },
    /// Not allowed, or not possible.
    Refused {
        /// For the log of a debugging administrator; the client sees a failure only.
        why: String,
    },
    /// A name, if there is one.
    Name(Option<String>),
    /// A command has ended. Not an answer: it comes on its own.
    Ended {
        /// The session.
        session: u32,
        /// How.
        how: EndedHow,
    },
    /// What was to be reached is reached; brings 1 descriptor, a stream socket.
    Connected {
        /// The number of its [`LoggedInRequest::Connect`].
        number: u32,
    },
    /// It is not reached.
    NotConnected {
        /// The number of its [`LoggedInRequest::Connect`].
        number: u32,
        /// Why.
        why: NotConnected,
    },
    /// Somebody listens; brings as many listening sockets as it says.
    Listening {
        /// The number of its [`LoggedInRequest::Listen`].
        number: u32,
        /// The port; 0 for a path.
        port: u16,
        /// How many sockets: 1 to [`crate::forwarding::MOST_SOCKETS`].
        sockets: u8,
        /// Words for whoever debugs the client, if there are any.
        tell: Option<String>,
    },
    /// Nobody listens.
    NotListening {
        /// The number of its [`LoggedInRequest::Listen`].
        number: u32,
        /// Words for whoever debugs the client, if there are any.
        tell: Option<String>,
    },
}

/// Why something was not reached, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotConnected {
    /// This login may not.
    Prohibited,
    /// It may, and there is no way; in the system's words.
    Failed(String),
}

/// How a command ended (RFC 4254 section 6.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedHow {
    /// `exit-status`
    Status(u32),
    /// `exit-signal`
    Signal {
        /// Name without `SIG`.
        name: String,
        /// Whether it left a core.
        core_dumped: bool,
    },
}

impl LoggedInAnswer {
    /// How many descriptors belong to this answer.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Terminal { .. } => 1,
            Self::Started { on_terminal: false } => 3,
            Self::Connected { .. } => 1,
            Self::Listening { sockets, .. } => usize::from(*sockets),
            _ => 0,
        }
    }
}
