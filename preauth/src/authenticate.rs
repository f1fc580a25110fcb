//! RFC 4252: the login dialogue. What a peer asks is put to the monitor, and the peer is told the monitor's answer.

use events::Depth;
use events::preauth::Event;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, HandingOver, MAX_USER_NAME, NamingUser, NamingUserAnswer, OfferedKey,
};
use wire::msg::{
    SSH_DISCONNECT_PROTOCOL_ERROR, SSH_DISCONNECT_SERVICE_NOT_AVAILABLE, SSH_MSG_SERVICE_ACCEPT,
    SSH_MSG_SERVICE_REQUEST, SSH_MSG_USERAUTH_BANNER, SSH_MSG_USERAUTH_FAILURE, SSH_MSG_USERAUTH_PK_OK,
    SSH_MSG_USERAUTH_REQUEST, SSH_MSG_USERAUTH_SUCCESS,
};
use wire::{Reader, WireError, Write};
use zeroize::Zeroizing;

use crate::ask_monitor::{Monitor, Recording};
use crate::dialogue::{self, Held};
use crate::ending::{self, Ending};
use crate::gssapi_exchange;
use crate::next_step::next_step;
use crate::peer::{Happened, Peer};
use crate::userauth_request::{HOSTBOUND, Method, UserauthRequest};

/// The only service that can be asked for after login.
const CONNECTION_SERVICE: &str = "ssh-connection";

/// Until the monitor says that the user is in.
pub(crate) fn authenticate(peer: &mut Peer, monitor: Monitor<NamingUser>) -> Result<Monitor<HandingOver>, Ending> {
    let mut service_accepted = false;
    let first = next_request(peer, &monitor, &mut service_accepted)?;
    let (mut monitor, claim) = name_user(peer, monitor, &first)?;
    let mut request = first;
    loop {
        (monitor, request) = match attempt(peer, monitor, &claim, &request)? {
            Outcome::LoggedIn(monitor) => return Ok(monitor),
            Outcome::Interrupted(monitor, request) => (monitor, request),
            Outcome::GoesOn(monitor) => {
                let request = next_request(peer, &monitor, &mut service_accepted)?;
                (monitor, request)
            }
        };
    }
}

/// Who the peer claims to be, and what for: fixed by the first request.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    user: String,
    service: String,
}

/// What one request led to.
enum Outcome {
    LoggedIn(Monitor<HandingOver>),
    GoesOn(Monitor<Authenticating>),
    /// The next request came in the middle of a dialogue.
    Interrupted(Monitor<Authenticating>, Zeroizing<Vec<u8>>),
}

/// The payload of the next SSH_MSG_USERAUTH_REQUEST.
fn next_request<P>(
    peer: &mut Peer,
    monitor: &Monitor<P>,
    service_accepted: &mut bool,
) -> Result<Zeroizing<Vec<u8>>, Ending>
where
    P: ipc::Phase,
    P::Request: Recording,
{
    next_message(peer, monitor, service_accepted, &[SSH_MSG_USERAUTH_REQUEST])
}

/// The payload of the next message with one of these numbers; everything else is dealt with here. It may hold a
/// password.
pub(crate) fn next_message<P>(
    peer: &mut Peer,
    monitor: &Monitor<P>,
    service_accepted: &mut bool,
    expected: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Ending>
where
    P: ipc::Phase,
    P::Request: Recording,
{
    loop {
        match next_step(peer, monitor)? {
            Happened::Packet(payload) => match payload.first() {
                Some(&SSH_MSG_SERVICE_REQUEST) => {
                    accept_service(peer, monitor, &payload)?;
                    *service_accepted = true;
                }
                Some(number) if *service_accepted && expected.contains(number) => return Ok(Zeroizing::new(payload)),
                _ => peer.unimplemented(),
            },
            // One exchange is signed before login: nobody needs a second one.
            _ => {
                let why = "rekeying before login is not possible".to_owned();
                return Err(ending::disconnect(SSH_DISCONNECT_PROTOCOL_ERROR, why, peer, monitor));
            }
        }
    }
}

/// RFC 4253 section 10
fn accept_service<P>(peer: &mut Peer, monitor: &Monitor<P>, payload: &[u8]) -> Result<(), Ending>
where
    P: ipc::Phase,
    P::Request: Recording,
{
    let service = read_service(payload).map_err(|error| malformed(error, peer, monitor))?;
    if service != b"ssh-userauth" {
        let why = format!("bad service request {}", String::from_utf8_lossy(service));
        return Err(ending::disconnect(SSH_DISCONNECT_PROTOCOL_ERROR, why, peer, monitor));
    }
    let mut accepted = vec![SSH_MSG_SERVICE_ACCEPT];
    accepted.put_string(service);
    peer.send(&accepted);
    Ok(())
}

fn read_service(payload: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new(payload);
    reader.u8()?;
    let service = reader.string()?;
    reader.finish()?;
    Ok(service)
}

/// The one look-up. The banner waits in the output for the first answer, so that it tells nothing about how long the
/// look-up took.
fn name_user(
    peer: &mut Peer,
    monitor: Monitor<NamingUser>,
    payload: &[u8],
) -> Result<(Monitor<Authenticating>, Claim), Ending> {
    let request = UserauthRequest::parse(payload).map_err(|error| malformed(error, peer, &monitor))?;
    if request.service != CONNECTION_SERVICE {
        let why = format!("service {} is not available", request.service);
        return Err(ending::disconnect(SSH_DISCONNECT_SERVICE_NOT_AVAILABLE, why, peer, &monitor));
    }
    let UserauthRequest { user, service, .. } = request;
    let (NamingUserAnswer::Named { banner, details }, monitor) = monitor.look_up_user(shortened(&user).to_owned())?;
    peer.want_details(details);
    sys::title::set(&format!("sshd: {} [net]", events::visible(shortened(&user))));
    if let Some(text) = banner {
        send_banner(peer, &text);
    }
    Ok((monitor, Claim { user, service }))
}

/// RFC 4252 section 5.4
fn send_banner(peer: &mut Peer, text: &str) {
    let mut message = vec![SSH_MSG_USERAUTH_BANNER];
    message.put_string(text);
    message.put_string(""); // language tag
    peer.send(&message);
}

/// No account has a name as long as this, so a shortened name is as unknown as the whole one.
fn shortened(user: &str) -> &str {
    user.get(..user.floor_char_boundary(MAX_USER_NAME)).unwrap_or_default()
}

/// One request and its answer.
fn attempt(
    peer: &mut Peer,
    mut monitor: Monitor<Authenticating>,
    claim: &Claim,
    payload: &[u8],
) -> Result<Outcome, Ending> {
    let request = UserauthRequest::parse(payload).map_err(|error| malformed(error, peer, &monitor))?;
    if request.user != claim.user || request.service != claim.service {
        let why = format!(
            "Change of username or service not allowed: ({},{}) -> ({},{})",
            claim.user, claim.service, request.user, request.service
        );
        return Err(ending::disconnect(SSH_DISCONNECT_PROTOCOL_ERROR, why, peer, &monitor));
    }
    monitor.detail(peer, Depth::One, || {
        let (user, method) = (shortened(&claim.user), shortened(request.method.name()));
        format!("userauth-request for user {user} service {} method {method}", claim.service)
    });
    if let Method::QueryKey { key, .. } | Method::CheckSignature { key, .. } = &request.method {
        let does = if matches!(request.method, Method::QueryKey { .. }) { "querying" } else { "attempting" };
        monitor
            .detail(peer, Depth::Two, || format!("userauth_pubkey: {does} public key {}", shortened(&key.algorithm)));
    }
    let queried = match &request.method {
        Method::QueryKey { key, .. } => Some(key.clone()),
        _ => None,
    };
    let mut answer = put_to_monitor(peer, &mut monitor, request.method)?;
    loop {
        let held = match answer {
            AuthenticatingAnswer::Tell(text) => {
                send_banner(peer, &text);
                Held::ToItsEnd(monitor)
            }
            AuthenticatingAnswer::Ask(questions) => dialogue::hold(peer, monitor.in_dialogue(), questions)?,
            AuthenticatingAnswer::SendTokens => gssapi_exchange::hold(peer, monitor.in_gssapi_exchange())?,
            last => return tell(peer, monitor, last, queried),
        };
        match held {
            Held::Interrupted(monitor, request) => return Ok(Outcome::Interrupted(monitor, request)),
            Held::ToItsEnd(ended) => monitor = ended,
        }
        answer = monitor.next_answer()?;
    }
}

fn put_to_monitor(
    peer: &Peer,
    monitor: &mut Monitor<Authenticating>,
    method: Method<'_>,
) -> Result<AuthenticatingAnswer, Ending> {
    match method {
        Method::None => monitor.try_none(),
        Method::QueryKey { host_key: Some(host_key), .. } | Method::CheckSignature { host_key: Some(host_key), .. }
            if !peer.is_host_key_of_exchange(host_key) =>
        {
            monitor.unusable(HOSTBOUND)
        }
        Method::QueryKey { key, .. } => monitor.query_key(key),
        Method::CheckSignature { key, signature, host_key } => {
            monitor.check_signature(key, signature.to_vec(), host_key.is_some())
        }
        Method::Password(password) => monitor.check_password(password),
        Method::ChangePassword => monitor.change_password(),
        Method::Host(host) => monitor.check_host(host),
        Method::KeyboardInteractive { devices } => monitor.begin_dialogue(devices),
        Method::Gssapi { kerberos } => monitor.begin_gssapi(kerberos),
        Method::Other(method) => monitor.unusable(&method),
    }
}

/// The monitor's answer in the peer's language.
fn tell(
    peer: &mut Peer,
    monitor: Monitor<Authenticating>,
    answer: AuthenticatingAnswer,
    queried: Option<OfferedKey>,
) -> Result<Outcome, Ending> {
    let mut message = Vec::new();
    match (answer, queried) {
        (AuthenticatingAnswer::LoggedIn, _) => {
            peer.send(&[SSH_MSG_USERAUTH_SUCCESS]);
            return Ok(Outcome::LoggedIn(monitor.logged_in()));
        }
        (AuthenticatingAnswer::KeyWouldDo, Some(key)) => {
            message.put_u8(SSH_MSG_USERAUTH_PK_OK);
            message.put_string(&key.algorithm);
            message.put_string(&key.blob);
        }
        (AuthenticatingAnswer::KeyWouldDo, None)
        | (AuthenticatingAnswer::Tell(_) | AuthenticatingAnswer::Ask(_) | AuthenticatingAnswer::SendTokens, _) => {
            return Err(Ending::MonitorGone);
        }
        (AuthenticatingAnswer::Failed { can_continue, partial }, _) => {
            monitor.detail(peer, Depth::Three, || {
                let (partial, next) = (u8::from(partial), can_continue.join(","));
                format!("userauth_finish: failure partial={partial} next methods=\"{next}\"")
            });
            message.put_u8(SSH_MSG_USERAUTH_FAILURE);
            message.put_name_list(can_continue.iter().map(String::as_str));
            message.put_boolean(partial);
        }
        (AuthenticatingAnswer::Disconnect { reason, text }, _) => {
            // The monitor has written the line already.
            peer.say_goodbye(reason, &text);
            return Err(Ending::Over);
        }
    }
    peer.send(&message);
    Ok(Outcome::GoesOn(monitor))
}

pub(crate) fn malformed<P>(error: WireError, peer: &mut Peer, monitor: &Monitor<P>) -> Ending
where
    P: ipc::Phase,
    P::Request: Recording,
{
    peer.say_goodbye(SSH_DISCONNECT_PROTOCOL_ERROR, &error.to_string());
    monitor.record(Event::ProtocolError { what: error.to_string() });
    Ending::Over
}
