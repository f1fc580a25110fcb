//! What this process cannot do itself. Each function pairs with the file of the same name in `monitor/src/answers/`.

use std::os::fd::BorrowedFd;

use events::Depth;
use events::preauth::Event;
use ipc::phases::{
    Authenticating, AuthenticatingAnswer, AuthenticatingRequest, Dialogue, DialogueAnswer, DialogueRequest,
    ExchangeToSign, GssapiAnswer, GssapiExchange, GssapiRequest, HandingOver, HandingOverRequest, KeyExchange,
    KeyExchangeAnswer, KeyExchangeRequest, ModpGroup, NamingUser, NamingUserAnswer, NamingUserRequest, OfferedKey,
    PrimeSizes, VouchingHost,
};
use ipc::{Asking, IpcError, Phase, Secret};

use crate::ending::Ending;
use crate::peer::Peer;

/// The monitor, in one phase of the connection.
pub(crate) struct Monitor<P> {
    link: Asking<P>,
}

/// Requests of every phase can hold something for the log.
pub(crate) trait Recording {
    fn recording(event: Event) -> Self;
}

impl Recording for KeyExchangeRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl Recording for NamingUserRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl Recording for AuthenticatingRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl Recording for DialogueRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl Recording for GssapiRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl Recording for HandingOverRequest {
    fn recording(event: Event) -> Self {
        Self::Record(event)
    }
}

impl<P: Phase> Monitor<P> {
    pub(crate) fn over(link: Asking<P>) -> Self {
        Self { link }
    }

    /// To wait on.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.link.socket()
    }

    /// Something for somebody who debugs, if one wants to see things so deep.
    pub(crate) fn detail(&self, peer: &mut Peer, depth: Depth, text: impl FnOnce() -> String)
    where
        P::Request: Recording,
    {
        if let Some(event) = peer.detail(depth, text) {
            self.record(event);
        }
    }

    /// Something for the log. Nothing is left to be done when that fails: a monitor that has gone is noticed at the
    /// next step.
    pub(crate) fn record(&self, event: Event)
    where
        P::Request: Recording,
    {
        let _ = self.link.send(&P::Request::recording(event));
    }
}

impl Monitor<KeyExchange> {
    /// A group for a group exchange; can be asked for once. `None` if there is nothing to choose from.
    pub(crate) fn choose_group(&mut self, sizes: PrimeSizes) -> Result<Option<ModpGroup>, Ending> {
        match self.link.ask(&KeyExchangeRequest::ChooseGroup(sizes)).map_err(monitor_gone)? {
            KeyExchangeAnswer::Group(group) => Ok(group),
            KeyExchangeAnswer::Signed(_) => Err(Ending::MonitorGone),
        }
    }

    /// Has the host key sign; can be done once.
    pub(crate) fn sign_exchange(mut self, to_sign: ExchangeToSign) -> Result<(Vec<u8>, Monitor<NamingUser>), Ending> {
        match self.link.ask(&KeyExchangeRequest::SignExchange(to_sign)).map_err(monitor_gone)? {
            KeyExchangeAnswer::Signed(blob) => Ok((blob, Monitor::over(self.link.enter()))),
            KeyExchangeAnswer::Group(_) => Err(Ending::MonitorGone),
        }
    }
}

impl Monitor<NamingUser> {
    /// Names the user; can be done once.
    pub(crate) fn look_up_user(mut self, user: String) -> Result<(NamingUserAnswer, Monitor<Authenticating>), Ending> {
        let named = self.link.ask(&NamingUserRequest::LookUpUser { user }).map_err(monitor_gone)?;
        Ok((named, Monitor::over(self.link.enter())))
    }
}

impl Monitor<Authenticating> {
    /// The method `none`.
    pub(crate) fn try_none(&mut self) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::None)
    }

    /// Would this key do?
    pub(crate) fn query_key(&mut self, key: OfferedKey) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::QueryKey(key))
    }

    /// Does this signature prove it?
    pub(crate) fn check_signature(
        &mut self,
        key: OfferedKey,
        signature: Vec<u8>,
        hostbound: bool,
    ) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::CheckSignature { key, signature, hostbound })
    }

    /// Is this the user's password?
    pub(crate) fn check_password(&mut self, password: Secret) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::CheckPassword { password })
    }

    /// A new password in place of an expired one.
    pub(crate) fn change_password(&mut self) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::ChangePassword)
    }

    /// Does this host vouch for its user?
    pub(crate) fn check_host(&mut self, host: VouchingHost) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::CheckHost(host))
    }

    /// A method that this process knows nothing about.
    pub(crate) fn unusable(&mut self, method: &str) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::Unusable { method: method.to_owned() })
    }

    /// Begins a dialogue with the user.
    pub(crate) fn begin_dialogue(&mut self, devices: String) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::BeginDialogue { devices })
    }

    /// Begins an exchange of tokens.
    pub(crate) fn begin_gssapi(&mut self, kerberos: bool) -> Result<AuthenticatingAnswer, Ending> {
        self.ask(&AuthenticatingRequest::BeginGssapi { kerberos })
    }

    fn ask(&mut self, request: &AuthenticatingRequest) -> Result<AuthenticatingAnswer, Ending> {
        self.link.ask(request).map_err(monitor_gone)
    }

    /// What the monitor says next: behind words for the user, and behind a dialogue.
    pub(crate) fn next_answer(&mut self) -> Result<AuthenticatingAnswer, Ending> {
        let (answer, descriptors) = self.link.receive().map_err(monitor_gone)?;
        if descriptors.is_empty() { Ok(answer) } else { Err(Ending::MonitorGone) }
    }

    /// After [`AuthenticatingAnswer::Ask`].
    pub(crate) fn in_dialogue(self) -> Monitor<Dialogue> {
        Monitor::over(self.link.enter())
    }

    /// After [`AuthenticatingAnswer::SendTokens`].
    pub(crate) fn in_gssapi_exchange(self) -> Monitor<GssapiExchange> {
        Monitor::over(self.link.enter())
    }

    /// After [`AuthenticatingAnswer::LoggedIn`].
    pub(crate) fn logged_in(self) -> Monitor<HandingOver> {
        Monitor::over(self.link.enter())
    }
}

impl Monitor<Dialogue> {
    /// What the user answered.
    pub(crate) fn respond(&mut self, responses: Vec<Secret>) -> Result<DialogueAnswer, Ending> {
        self.link.ask(&DialogueRequest::Respond(responses)).map_err(monitor_gone)
    }

    /// The peer tries something else.
    pub(crate) fn abandon(mut self) -> Result<Monitor<Authenticating>, Ending> {
        match self.link.ask(&DialogueRequest::Abandon).map_err(monitor_gone)? {
            DialogueAnswer::Over => Ok(self.over_again()),
            DialogueAnswer::Ask(_) => Err(Ending::MonitorGone),
        }
    }

    /// After [`DialogueAnswer::Over`].
    pub(crate) fn over_again(self) -> Monitor<Authenticating> {
        Monitor::over(self.link.enter())
    }
}

impl Monitor<GssapiExchange> {
    /// A token of the peer.
    pub(crate) fn token(&mut self, token: Vec<u8>) -> Result<GssapiAnswer, Ending> {
        self.exchange(&GssapiRequest::Token(token))
    }

    /// What ties the exchange to this connection.
    pub(crate) fn mic(&mut self, mic: Vec<u8>) -> Result<GssapiAnswer, Ending> {
        self.exchange(&GssapiRequest::Mic(mic))
    }

    /// The peer's Kerberos says no.
    pub(crate) fn give_up(&mut self) -> Result<GssapiAnswer, Ending> {
        self.exchange(&GssapiRequest::GiveUp)
    }

    fn exchange(&mut self, request: &GssapiRequest) -> Result<GssapiAnswer, Ending> {
        self.link.ask(request).map_err(monitor_gone)
    }

    /// The peer tries something else.
    pub(crate) fn abandon(mut self) -> Result<Monitor<Authenticating>, Ending> {
        match self.exchange(&GssapiRequest::Abandon)? {
            GssapiAnswer::Over { .. } => Ok(self.over_again()),
            GssapiAnswer::Token { .. } => Err(Ending::MonitorGone),
        }
    }

    /// After [`GssapiAnswer::Over`].
    pub(crate) fn over_again(self) -> Monitor<Authenticating> {
        Monitor::over(self.link.enter())
    }
}

impl Monitor<HandingOver> {
    /// The last thing this process says.
    pub(crate) fn hand_over(&self, transport: Vec<u8>) -> Result<(), Ending> {
        self.link.send(&HandingOverRequest::HandOver(transport)).map_err(monitor_gone)
    }
}

fn monitor_gone(_: IpcError) -> Ending {
    Ending::MonitorGone
}
