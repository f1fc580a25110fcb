//! An agent that holds host keys (draft-ietf-sshm-ssh-agent): asked to sign, and its answer not believed unchecked.

use std::io::{self, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use keys::PublicKey;
use settings::text::to_path;
use thiserror::Error;
use wire::{Reader, Write as _};

const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// Flags of a request: with which hash an RSA key signs.
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

/// An answer holds one signature: that of a composite key has 2.5 KiB.
const LONGEST_ANSWER: u32 = 16 * 1024;
/// How long the agent may take altogether: it may have to ask a device.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why an agent has not signed.
#[derive(Debug, Error)]
pub(crate) enum AgentError {
    #[error("cannot reach the agent at {0}: {1}")]
    Io(String, io::Error),
    #[error("the agent at {0} took too long")]
    TooLong(String),
    #[error("the agent at {0} refused to sign")]
    Refused(String),
    #[error("the agent at {0} gave a wrong answer")]
    WrongAnswer(String),
}

/// Has the agent sign with the key and exactly this algorithm. The signature is verified before it is used.
pub(crate) fn sign(socket: &str, key: &PublicKey, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, AgentError> {
    sign_within(PATIENCE, socket, key, algorithm, message)
}

fn sign_within(
    patience: Duration,
    socket: &str,
    key: &PublicKey,
    algorithm: &str,
    message: &[u8],
) -> Result<Vec<u8>, AgentError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => AgentError::TooLong(socket.to_owned()),
        io::ErrorKind::InvalidData => AgentError::WrongAnswer(socket.to_owned()),
        _ => AgentError::Io(socket.to_owned(), error),
    };
    let answer = ask(socket, &request(key, algorithm, message), patience).map_err(failed)?;
    let signature = signature_in(&answer).ok_or_else(|| AgentError::Refused(socket.to_owned()))?;
    match key.verify(algorithm, message, signature) {
        Ok(_) => Ok(signature.to_vec()),
        Err(_) => Err(AgentError::WrongAnswer(socket.to_owned())),
    }
}

fn request(key: &PublicKey, algorithm: &str, message: &[u8]) -> Vec<u8> {
    let mut request = vec![SIGN_REQUEST];
    request.put_string(key.blob());
    request.put_string(message);
    request.put_u32(match algorithm {
        "rsa-sha2-256" => RSA_SHA2_256,
        "rsa-sha2-512" => RSA_SHA2_512,
        _ => 0,
    });
    let mut framed = Vec::new();
    framed.put_string(&request);
    framed
}

/// One request, one answer, on a connection of its own.
fn ask(socket: &str, request: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
    let deadline = sys::clock::monotonic().saturating_add(patience);
    let mut agent = UnixStream::connect(to_path(socket))?;
    agent.set_write_timeout(Some(patience))?;
    agent.write_all(request)?;
    let mut length = [0; 4];
    read_exactly(&mut agent, &mut length, deadline)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST_ANSWER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; usize::try_from(length).unwrap_or_default()];
    read_exactly(&mut agent, &mut answer, deadline)?;
    Ok(answer)
}

/// The deadline holds for all bytes together: an agent that sends them one by one is too slow.
fn read_exactly(agent: &mut UnixStream, mut bytes: &mut [u8], deadline: Duration) -> io::Result<()> {
    while !bytes.is_empty() {
        let left = deadline.saturating_sub(sys::clock::monotonic());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        agent.set_read_timeout(Some(left))?;
        match agent.read(bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes = bytes.get_mut(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn signature_in(answer: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(answer);
    if reader.u8().ok()? != SIGN_RESPONSE {
        return None;
    }
    let signature = reader.string().ok()?;
    reader.finish().ok()?;
    Some(signature)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::thread;

    use keys::PrivateKey;

    use super::*;

    /// An agent that gives one answer, whatever it is asked.
    fn agent(name: &str, answer: Vec<u8>) -> String {
        let path: PathBuf = std::env::temp_dir().join(format!("bulkhead-agent-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            let (mut asker, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = asker.read(&mut request);
            let _ = asker.write_all(&answer);
        });
        path.display().to_string()
    }

    fn response(signature: &[u8]) -> Vec<u8> {
        let mut response = vec![SIGN_RESPONSE];
        response.put_string(signature);
        let mut framed = Vec::new();
        framed.put_string(&response);
        framed
    }

    #[test]
    fn only_a_right_signature_is_taken() {
        let (key, other) = (PrivateKey::generate_ed25519().unwrap(), PrivateKey::generate_ed25519().unwrap());
        let signed = |key: &PrivateKey| key.sign("ssh-ed25519", b"hash").unwrap();
        let ask = |name: &str, answer| {
            let socket = agent(name, answer);
            let outcome = sign(&socket, key.public(), "ssh-ed25519", b"hash");
            std::fs::remove_file(&socket).unwrap();
            outcome.map_err(|error| error.to_string().split(' ').next_back().unwrap_or_default().to_owned())
        };
        assert_eq!(ask("right", response(&signed(&key))), Ok(signed(&key)));
        assert_eq!(ask("other", response(&signed(&other))), Err("answer".to_owned()));
        assert_eq!(ask("failure", vec![0, 0, 0, 1, 5]), Err("sign".to_owned()));
        assert_eq!(ask("huge", vec![0xff; 64]), Err("answer".to_owned()));
        assert_eq!(ask("empty", vec![0; 4]), Err("sign".to_owned()));
        assert!(ask("cut", response(&signed(&key))[..40].to_vec()).is_err());
        assert!(sign("/nonexistent/agent", key.public(), "ssh-ed25519", b"hash").is_err());
    }

    #[test]
    fn an_agent_that_dawdles_is_given_up() {
        let key = PrivateKey::generate_ed25519().unwrap();
        let path = std::env::temp_dir().join(format!("bulkhead-agent-{}-slow", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        // Byte after byte, each in time.
        thread::spawn(move || {
            let (mut asker, _) = listener.accept().unwrap();
            while asker.write_all(&[0]).is_ok() {
                thread::sleep(Duration::from_millis(40));
            }
        });
        let patience = Duration::from_millis(100);
        let refused = sign_within(patience, &path.display().to_string(), key.public(), "ssh-ed25519", b"hash");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(refused, Err(AgentError::TooLong(_))), "{refused:?}");
    }
}
