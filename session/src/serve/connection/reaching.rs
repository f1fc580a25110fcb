//! The client wants to reach something from here (`ssh -L`, `-D`, `-W`, `-J`): `direct-tcpip` (RFC 4254 section 7.2) and
//! `direct-streamlocal@openssh.com` (PROTOCOL section 2.4).
//!
//! Whether it may is decided by the monitor, which hands over a connected socket: this process can open none.

use std::os::fd::OwnedFd;

use events::{Depth, ForwardingKind};
use ipc::forwarding::{ConnectTo, LONGEST_NAME};
use ipc::phases::{LoggedInRequest, NotConnected, Originator};
use wire::{Reader, WireError, msg};

use super::Connection;
use super::awaited::Awaited;
use super::channel::{Channel, PeerSide};
use super::forwarded::{Forwarded, host_and_port};
use super::opening::{confirm, refuse};
use super::stream_ends::StreamEnds;
use super::tunnel_end::{Layer, TunnelEnd};
use super::window::FORWARDING_WINDOW;
use crate::serve::descriptor::{Descriptor, Nature};
use crate::serve::ending::Ending;
use crate::serve::monitor_link::{LinkError, MonitorLink};

impl Connection {
    /// `direct-tcpip`
    pub(super) fn reach_address(
        &mut self,
        peer: PeerSide,
        rest: Reader<'_>,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let (host, port, originator) = address(rest).map_err(|why| Ending::malformed("direct-tcpip", why))?;
        let Originator { address: from, port: from_port } = &originator;
        link.detail(Depth::One, || {
            format!("server_request_direct_tcpip: originator {from} port {from_port}, target {host} port {port}")
        })?;
        let what = Forwarded::new(ForwardingKind::DirectTcpip, host_and_port(&host, port));
        self.ask_to_connect(peer, what, ConnectTo::Tcp { host, port }, originator, link)
    }

    /// `direct-streamlocal@openssh.com`
    pub(super) fn reach_path(
        &mut self,
        peer: PeerSide,
        rest: Reader<'_>,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let (path, originator) = path(rest).map_err(|why| Ending::malformed("direct-streamlocal", why))?;
        let Originator { address: from, port: from_port } = &originator;
        link.detail(Depth::One, || {
            format!("server_request_direct_streamlocal: originator {from} port {from_port}, target {path}")
        })?;
        let what = Forwarded::new(ForwardingKind::DirectStreamlocal, path.clone());
        self.ask_to_connect(peer, what, ConnectTo::Path(path), originator, link)
    }

    /// `tun@openssh.com` (PROTOCOL section 2.3)
    pub(super) fn open_tunnel(
        &mut self,
        peer: PeerSide,
        rest: Reader<'_>,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let (mode, unit) = tunnel(rest).map_err(|why| Ending::malformed("tun", why))?;
        let layer = if mode == ETHERNET { Layer::Ethernet } else { Layer::PointToPoint };
        let place = if layer == Layer::Ethernet { "tap" } else { "tun" };
        let what = Forwarded::new(ForwardingKind::Tunnel, place.to_owned());
        match self.channels.reserve(Awaited::Device { peer, what, layer }) {
            Some(number) => link.ask_for_forwarding(&LoggedInRequest::OpenTunnel { number, mode, unit })?,
            None => refuse(peer, msg::SSH_OPEN_RESOURCE_SHORTAGE, "open failed", &mut self.outbox),
        }
        Ok(())
    }

    fn ask_to_connect(
        &mut self,
        peer: PeerSide,
        what: Forwarded,
        to: ConnectTo,
        originator: Originator,
        link: &mut MonitorLink,
    ) -> Result<(), Ending> {
        let (ConnectTo::Tcp { host: name, .. } | ConnectTo::Path(name)) = &to;
        if name.len() > LONGEST_NAME {
            refuse(peer, msg::SSH_OPEN_CONNECT_FAILED, "open failed", &mut self.outbox);
            return Ok(());
        }
        match self.channels.reserve(Awaited::FromMonitor { peer, what }) {
            Some(number) => link.ask_for_forwarding(&LoggedInRequest::Connect { number, to, originator })?,
            None => refuse(peer, msg::SSH_OPEN_RESOURCE_SHORTAGE, "open failed", &mut self.outbox),
        }
        Ok(())
    }

    /// The monitor has reached it.
    pub(super) fn connected(
        &mut self,
        number: u32,
        descriptors: Vec<OwnedFd>,
        link: &MonitorLink,
    ) -> Result<(), LinkError> {
        let (peer, what, layer) = self.wanted_by_peer(number)?;
        let nature = if layer.is_some() { Nature::Packets } else { Nature::Socket };
        let socket = descriptors.into_iter().next().and_then(|socket| Descriptor::new(socket, nature).ok());
        let Some(socket) = socket else {
            refuse(peer, msg::SSH_OPEN_RESOURCE_SHORTAGE, "open failed", &mut self.outbox);
            return Ok(());
        };
        link.detail(Depth::One, || format!("channel {number}: connected to {}", what.place))?;
        let channel = match layer {
            None => Channel::for_connection(peer, StreamEnds::socket(socket), what),
            Some(layer) => Channel::for_device(peer, TunnelEnd::new(socket, layer), what),
        };
        self.channels.open(number, channel);
        confirm(peer, number, FORWARDING_WINDOW, &mut self.outbox);
        Ok(())
    }

    /// The monitor has not.
    pub(super) fn not_connected(
        &mut self,
        number: u32,
        why: NotConnected,
        link: &MonitorLink,
    ) -> Result<(), LinkError> {
        let (peer, what, layer) = self.wanted_by_peer(number)?;
        if layer.is_some() {
            self.outbox.debug(match &why {
                NotConnected::Prohibited => "Server has rejected tunnel device forwarding",
                NotConnected::Failed(_) => "Failed to open the tunnel device.",
            });
        }
        link.detail(Depth::One, || match &why {
            NotConnected::Prohibited => format!("channel {number}: {} is not permitted", what.place),
            NotConnected::Failed(words) => format!("channel {number}: connection failed: {words}"),
        })?;
        match why {
            NotConnected::Prohibited => {
                refuse(peer, msg::SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed", &mut self.outbox);
            }
            NotConnected::Failed(words) => refuse(peer, msg::SSH_OPEN_CONNECT_FAILED, &words, &mut self.outbox),
        }
        Ok(())
    }

    fn wanted_by_peer(&mut self, number: u32) -> Result<(PeerSide, Forwarded, Option<Layer>), LinkError> {
        let by_peer = |awaited: &Awaited| matches!(awaited, Awaited::FromMonitor { .. } | Awaited::Device { .. });
        match self.channels.take_awaited(number, by_peer) {
            Some(Awaited::FromMonitor { peer, what }) => Ok((peer, what, None)),
            Some(Awaited::Device { peer, what, layer }) => Ok((peer, what, Some(layer))),
            _ => Err(LinkError::Unasked),
        }
    }
}

/// SSH_TUNMODE_ETHERNET
const ETHERNET: u32 = 2;

/// Mode and unit.
fn tunnel(mut rest: Reader<'_>) -> Result<(u32, u32), WireError> {
    let (mode, unit) = (rest.u32()?, rest.u32()?);
    rest.finish()?;
    Ok((mode, unit))
}

fn address(mut rest: Reader<'_>) -> Result<(String, u32, Originator), WireError> {
    let (host, port) = (text(&mut rest)?, rest.u32()?);
    let originator = originator(&mut rest)?;
    rest.finish()?;
    Ok((host, port, originator))
}

/// Behind the path stand two fields that are reserved: clients send an originator there, or nothing that means anything.
fn path(mut rest: Reader<'_>) -> Result<(String, Originator), WireError> {
    let path = text(&mut rest)?;
    let originator = originator(&mut rest)?;
    rest.finish()?;
    Ok((path, originator))
}

fn originator(rest: &mut Reader<'_>) -> Result<Originator, WireError> {
    Ok(Originator { address: beginning(rest)?, port: rest.u32()? })
}

/// Names and paths that are no UTF-8 name nothing that we could reach: what is shown of them does not exist either.
pub(super) fn text(rest: &mut Reader<'_>) -> Result<String, WireError> {
    Ok(String::from_utf8_lossy(rest.string()?).into_owned())
}

/// What is only shown, as far as [`LONGEST_NAME`].
pub(super) fn beginning(rest: &mut Reader<'_>) -> Result<String, WireError> {
    let mut shown = text(rest)?;
    shown.truncate(shown.floor_char_boundary(LONGEST_NAME));
    Ok(shown)
}
