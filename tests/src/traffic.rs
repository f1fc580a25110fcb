//! Bytes that go somewhere and come back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use crate::wait_until;

/// A service that sends back what it gets, and its end only when it has got one; returns its port.
#[must_use]
pub fn echo_service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || echo(&connection, &connection));
        }
    });
    port
}

/// Sends back what comes, until the end.
pub fn echo(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// A port of 127.0.0.1 that nobody has.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Connects as soon as somebody listens.
#[must_use]
pub fn connect(port: u16) -> TcpStream {
    let mut connected = None;
    wait_until("the forwarding listens", || {
        connected = TcpStream::connect(("127.0.0.1", port)).ok();
        connected.is_some()
    });
    connected.expect("connected")
}

/// The same for a path.
#[must_use]
pub fn connect_path(path: &Path) -> UnixStream {
    let mut connected = None;
    wait_until("the forwarding listens", || {
        connected = UnixStream::connect(path).ok();
        connected.is_some()
    });
    connected.expect("connected")
}

/// A connection through a SOCKS5 proxy (RFC 1928), as soon as it listens; none if it is refused.
#[must_use]
pub fn through_socks(proxy: u16, host: &str, port: u16) -> Option<TcpStream> {
    let mut stream = connect(proxy);
    stream.write_all(&[5, 1, 0]).expect("a greeting");
    stream.read_exact(&mut [0; 2]).expect("its answer");
    let mut request = vec![5, 1, 0, 3, u8::try_from(host.len()).expect("a short name")];
    request.extend(host.as_bytes());
    request.extend(port.to_be_bytes());
    stream.write_all(&request).expect("a request");
    let mut reply = [0; 10];
    (stream.read_exact(&mut reply).is_ok() && reply[1] == 0).then_some(stream)
}

/// Bytes that do not repeat soon.
#[must_use]
pub fn bytes(count: u32) -> Vec<u8> {
    (0..count).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// A connection whose halves end one by one.
pub trait Duplex: Read + Write + Send {
    /// A second handle for the same connection.
    fn again(&self) -> Box<dyn Duplex>;
    /// Sends the end.
    fn half_close(&self);
}

impl Duplex for TcpStream {
    fn again(&self) -> Box<dyn Duplex> {
        Box::new(self.try_clone().expect("a second handle"))
    }

    fn half_close(&self) {
        self.shutdown(Shutdown::Write).expect("half closed");
    }
}

impl Duplex for UnixStream {
    fn again(&self) -> Box<dyn Duplex> {
        Box::new(self.try_clone().expect("a second handle"))
    }

    fn half_close(&self) {
        self.shutdown(Shutdown::Write).expect("half closed");
    }
}

/// Sends, ends its half, and takes what comes back until the end.
pub fn there_and_back(mut stream: impl Duplex, sent: &[u8]) {
    let mut writer = stream.again();
    let mut came = Vec::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            writer.write_all(sent).expect("sent");
            writer.half_close();
        });
        stream.read_to_end(&mut came).expect("received");
    });
    assert!(came == sent, "{} of {} bytes came back", came.len(), sent.len());
}
