//! The first message of every process: what it is to do, and everything it may know.
//!
//! The descriptor 3 of a new process is its link; what else it needs comes with this message.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use events::{ConnectionFacts, ConnectionId, LogSettings};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sys::identity::Identity;
use zeroize::Zeroizing;

use crate::forwarding::{SocketFile, X11Authentication};
use crate::frame::{self, Receiver};
use crate::{BUILD_ID, IpcError};

/// Phase byte of start messages.
const START: u8 = 0;

/// The descriptor on which a new process finds its link.
pub const LINK: i32 = 3;

/// What a monitor writes into the last pipe that it was given when somebody has logged in.
pub const LOGGED_IN: u8 = 1;

/// The first message to `sshd-monitor`: what it is there for.
#[derive(Debug, Serialize, Deserialize)]
pub enum MonitorTask {
    /// A connection.
    Serve(Box<MonitorStart>),
    /// A question of the administrator.
    Explain(Box<ExplainStart>),
}

/// `sshd --explain`: what would happen to a login. Brings the [`seal`]ed `settings::Settings` and where to write the
/// answer. No connection, no host key and no other program comes with it, so nothing can be let in.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExplainStart {
    /// The two ends of the imagined connection.
    pub facts: ConnectionFacts,
    /// The peer's name, in place of what UseDNS would find.
    pub host_name: Option<String>,
    /// The routing domain (VRF) of the imagined connection.
    pub routing_domain: String,
    /// Who wants to log in.
    pub user: String,
    /// With what; none asks what the user could log in with.
    pub credential: Option<Credential>,
    /// How the address stands with the running server (PerSourcePenalties).
    pub penalties: Penalties,
    /// JSON instead of text.
    pub as_json: bool,
}

/// What a running server says about an address.
#[derive(Debug, Serialize, Deserialize)]
pub enum Penalties {
    /// Nobody could be asked, and why.
    Unknown(String),
    /// Connections are accepted; a sentence about it.
    Accepted(String),
    /// Connections are refused; a sentence about it.
    Refused(String),
}

/// With what somebody would log in.
#[derive(Debug, Serialize, Deserialize)]
pub enum Credential {
    /// A public key or a certificate, and that the client has the private key to it.
    Key {
        /// The file that it was read from, for messages.
        file: String,
        /// The public key blob.
        blob: Vec<u8>,
    },
    /// A method by its name (RFC 4252), such as `password`.
    Method(String),
}

/// To `sshd-monitor`, inside of [`MonitorTask::Serve`]. Brings, in this order:
/// [`MonitorStart::network_descriptors`] descriptors of the connection (one socket, or two pipes), the [`seal`]ed `settings::Settings`, the [`seal`]ed list of private host keys
/// (`Vec<keys::HostKey>`), the executables `sshd-preauth`, `sshd-session`, `sshd-launch` and `sshd-forward`, the write end of a pipe
/// for [`LOGGED_IN`], and the file of `-E` if the log goes to one.
#[derive(Debug, Serialize, Deserialize)]
pub struct MonitorStart {
    /// The two ends.
    pub facts: ConnectionFacts,
    /// 1 for a socket, 2 for two pipes (`-i`): where to read, where to write.
    pub network_descriptors: u8,
    /// Where the log goes.
    pub log: LogSettings,
    /// Whom `sshd-preauth` becomes and its empty root; none when started by an ordinary user.
    pub preauth_confinement: Option<Confinement>,
    /// Whether a kernel without one of the sandbox's layers is acceptable.
    pub best_effort_sandbox: bool,
    /// `-d`: commands begin with what their environment is.
    pub debugging: bool,
    /// Our identification without line end, such as `SSH-2.0-Bulkhead_0.1`.
    pub identification: String,
    /// How long the user may take to log in: LoginGraceTime, and the jitter that the listener has drawn for this
    /// connection. None means as long as they like.
    pub time_to_log_in: Option<Duration>,
    /// Drawn once by the listener: `policy::failure_delay` makes delays of it that nobody can predict.
    pub delay_secret: [u8; 32],
}

/// An unprivileged existence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confinement {
    /// Whom to become.
    pub identity: Identity,
    /// The empty directory that becomes the root.
    pub empty_root: String,
}

/// A host key that can be offered: the private part stays with the monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedHostKey {
    /// Names it in requests.
    pub index: u32,
    /// A signature algorithm it is offered with, such as `rsa-sha2-512`.
    pub algorithm: String,
    /// The public key blob.
    pub blob: Vec<u8>,
}

/// To `sshd-preauth`. Brings the connection's descriptors: 1, or 2 for two pipes.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreauthStart {
    /// Whom to become, and where; none for an ordinary user.
    pub confinement: Option<Confinement>,
    /// Whether a kernel without one of the sandbox's layers is acceptable.
    pub best_effort_sandbox: bool,
    /// Our identification without line end.
    pub identification: String,
    /// What it may know of sshd_config.
    pub settings: settings::PreauthSettings,
    /// In the order of HostKeyAlgorithms.
    pub host_keys: Vec<OfferedHostKey>,
}

/// To `sshd-session`. Brings the connection's descriptors: 1, or 2 for two pipes; then the jail's directory, if there is
/// one.
#[derive(Serialize, Deserialize)]
pub struct SessionStart {
    /// Whom to become; none for an ordinary user, who is it already.
    pub identity: Option<Identity>,
    /// The new root, if the login is confined to a directory (ChrootDirectory).
    pub chroot: Option<String>,
    /// The directory that is all of SFTP's file system (SftpJail), seen from `chroot`. It comes as the last descriptor.
    pub jail: Option<String>,
    /// Nothing is served: the client is told this, and that is all.
    pub farewell: Option<String>,
    /// Lines for the client's own log (SSH_MSG_DEBUG, shown by `ssh -v`).
    pub for_client_log: Vec<String>,
    /// Whether a kernel without one of the sandbox's layers is acceptable.
    pub best_effort_sandbox: bool,
    /// The user's name, for the process title.
    pub user: String,
    /// The user's home directory, where SFTP starts.
    pub home: String,
    /// Our identification without line end.
    pub identification: String,
    /// What it may know of sshd_config.
    pub settings: settings::SessionSettings,
    /// What this login was granted.
    pub granted: Granted,
    /// For key exchanges to come.
    pub host_keys: Vec<OfferedHostKey>,
    /// The blobs of all our host keys, to be told to the client (`hostkeys-00@openssh.com`).
    pub announced_host_keys: Vec<Vec<u8>>,
    /// What [`crate::phases::HandingOverRequest::HandOver`] brought.
    pub transport: Vec<u8>,
}

/// What a login may do, after all restrictions of configuration and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// Terminals.
    pub terminal: bool,
    /// Files, by `internal-sftp` inside the session process.
    pub sftp: SftpGranted,
    /// Forwardings of any kind: many descriptors.
    pub forwarding: bool,
    /// Forwardings from here to the client: accepting.
    pub accept: bool,
}

/// How much of the file system the session process itself may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SftpGranted {
    /// No SFTP in this process: no files at all.
    No,
    /// `internal-sftp -R`
    ReadOnly,
    /// `internal-sftp`
    ReadWrite,
}

/// To `sshd-launch`. Its descriptors 0, 1 and 2 are those of the command already.
#[derive(Debug, Serialize, Deserialize)]
pub struct LaunchStart {
    /// Whom to become; none for an ordinary user.
    pub identity: Option<Identity>,
    /// The new root, if any.
    pub chroot: Option<String>,
    /// Where the command starts; the root directory if that fails.
    pub home: String,
    /// The shell to execute, a path.
    pub shell: String,
    /// Its arguments, the zeroth included.
    pub arguments: Vec<Vec<u8>>,
    /// The whole environment, `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// Whether descriptor 0 is a terminal that becomes the controlling one.
    pub terminal: bool,
    /// Shell logins: what is printed first, unless the user has asked for quiet.
    pub greeting: Greeting,
    /// X11 forwarding: what the programs need to reach the client's display.
    pub x11: Option<X11Display>,
    /// The first of these files that exists is run before (sshd(8), "SSHRC").
    pub rc_files: Vec<RcFile>,
    /// What stands on standard error before the command begins; may be empty.
    pub warning: String,
    /// Nothing is executed, these words are all there is.
    pub only_say: Option<LastWords>,
}

/// A file of commands for `/bin/sh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RcFile {
    /// Its path.
    pub path: String,
    /// The user has written it: only a user whose shell takes commands may have it run.
    pub by_the_users_shell: bool,
}

/// A forwarded X11 display, for xauth(1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct X11Display {
    /// XAuthLocation
    pub xauth: String,
    /// The display by the name under which its cookie is kept.
    pub name: String,
    /// The protocol and the cookie.
    pub authentication: X11Authentication,
}

/// What a shell login is greeted with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// What PAM's modules have told while the session was opened; may be empty.
    pub messages: String,
    /// PrintLastLog: a line about the last login, without line end.
    pub last_login: Option<String>,
    /// PrintMotd: the message of the day.
    pub message_of_the_day: bool,
}

/// Where the monitor of a connection puts the file of ExposeAuthInfo. `sshd` knows it too, and removes the file of a monitor
/// that was killed: the id is drawn at random, so nobody else can have put something there, and `/tmp` keeps it the user's.
#[must_use]
pub fn auth_info_path(id: ConnectionId) -> String {
    format!("/tmp/sshauth.{id}")
}

/// To `sshd-forward`.
#[derive(Debug, Serialize, Deserialize)]
pub struct ForwardStart {
    /// Whom to become; none for an ordinary user.
    pub identity: Option<Identity>,
    /// The new root, if the login is confined to a directory.
    pub chroot: Option<String>,
    /// Whether a kernel without one of the sandbox's layers is acceptable.
    pub best_effort_sandbox: bool,
    /// Address families that may be used (AddressFamily).
    pub families: Families,
    /// The umask for files of sockets (StreamLocalBindMask).
    pub bind_mask: u32,
    /// Whether a file that is in the way of a socket is removed (StreamLocalBindUnlink).
    pub unlink_first: bool,
    /// Files of sockets whose `sshd-forward` was killed, by the numbers of their listeners: they are this one's to remove.
    pub left_behind: Vec<(u32, SocketFile)>,
}

/// AddressFamily
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Families {
    /// IPv4
    pub v4: bool,
    /// IPv6
    pub v6: bool,
}

/// What somebody gets in place of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWords {
    /// The text, line end included.
    pub text: String,
    /// Standard error, or standard output.
    pub on_standard_error: bool,
    /// With what the process ends.
    pub exit_status: u8,
}

/// Sends a start message to a process that was just started over its end of the link.
pub fn send<T: Serialize>(link: BorrowedFd<'_>, start: &T, descriptors: &[BorrowedFd<'_>]) -> Result<(), IpcError> {
    frame::send(link, START, &(BUILD_ID, start), descriptors)
}

/// Takes the start message off the link; a message of another build is refused before anything else of it is looked
/// at. The link goes on as an [`crate::Asking`] over the same socket.
pub fn receive<T: DeserializeOwned>(link: OwnedFd) -> Result<(T, Vec<OwnedFd>, OwnedFd), IpcError> {
    let mut receiver = Receiver::new(link);
    let (start, descriptors) = receiver.receive_with(START, |body| {
        let (build_id, start) = postcard::take_from_bytes::<String>(body).map_err(|_| IpcError::Undecodable)?;
        if build_id != BUILD_ID {
            return Err(IpcError::OtherBuild(build_id));
        }
        frame::whole_message(start)
    })?;
    Ok((start, descriptors, receiver.into_socket()))
}

/// Puts something that a monitor needs whole (all settings, the private host keys) into a sealed memory file.
pub fn seal<T: Serialize>(name: &str, content: &T) -> Result<OwnedFd, IpcError> {
    let encoded = Zeroizing::new(postcard::to_stdvec(content).map_err(|_| IpcError::Undecodable)?);
    Ok(sys::fd::sealed_memfd(name, &encoded)?)
}

/// Takes it out again; a file that is not sealed is refused.
pub fn unseal<T: DeserializeOwned>(file: BorrowedFd<'_>) -> Result<T, IpcError> {
    frame::whole_message(&Zeroizing::new(sys::fd::read_sealed(file, LARGEST_SEALED)?))
}

/// Largest sealed file in bytes: theirs refuses configurations above 4,128,768 bytes.
const LARGEST_SEALED: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_start_message_of_another_build_is_refused() {
        let (parent, child) = sys::fd::seqpacket_pair().unwrap();
        frame::send(parent.as_fd(), START, &("0.0.0-other", 5_u32), &[]).unwrap();
        assert!(matches!(receive::<u32>(child), Err(IpcError::OtherBuild(build)) if build == "0.0.0-other"));
        let (parent, child) = sys::fd::seqpacket_pair().unwrap();
        send(parent.as_fd(), &5_u32, &[]).unwrap();
        assert_eq!(receive::<u32>(child).unwrap().0, 5);
    }

    #[test]
    fn what_was_sealed_comes_out_again_and_nothing_else_does() {
        let sealed = seal("test", &vec![1_u32, 2]).unwrap();
        assert_eq!(unseal::<Vec<u32>>(sealed.as_fd()).unwrap(), [1, 2]);
        assert!(unseal::<Vec<u32>>(sys::fd::open_devnull().unwrap().as_fd()).is_err());
    }
}
