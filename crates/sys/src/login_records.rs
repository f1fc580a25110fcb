//! Who is logged in on which terminal (`utmp`), who has been (`wtmp`, `lastlog`), and who has failed to (`btmp`):
//! the records behind `who`, `last`, `lastlog` and `lastb`.
//!
//! Hosts without one of the files keep no such records: that is no error. Only root may write them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// Everything that has happened.
const WTMP: &str = "/var/log/wtmp";
/// Logins that failed.
const BTMP: &str = "/var/log/btmp";
/// The last login of each account, by user number.
const LASTLOG: &str = "/var/log/lastlog";
/// Bytes of a terminal's name in `lastlog`.
const LASTLOG_LINE: usize = 32;
/// Bytes of a host's name in `lastlog`.
const LASTLOG_HOST: usize = 256;
/// Bytes of one account in `lastlog`: a time of four bytes, the terminal, the host.
const LASTLOG_RECORD: usize = 4 + LASTLOG_LINE + LASTLOG_HOST;

/// A login on a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    /// The terminal without `/dev/`, such as `pts/3`.
    pub line: String,
    /// The account.
    pub user: String,
    /// Where the login comes from: a name or an address.
    pub host: String,
    /// The address, if there is one.
    pub address: Option<IpAddr>,
    /// The process on the terminal.
    pub pid: i32,
}

/// When and where from an account was used last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLogin {
    /// Seconds since 1970.
    pub seconds: u32,
    /// The terminal; may be empty.
    pub line: String,
    /// A name or an address; may be empty.
    pub host: String,
}

/// Writes that somebody has logged in.
///
/// # Errors
/// When `utmp` is there and cannot be written.
pub fn log_in(record: &LoginRecord) -> io::Result<()> {
    put(&entry(record, libc::USER_PROCESS))
}

/// Writes that the process is gone from its terminal.
///
/// # Errors
/// As [`log_in`].
pub fn log_out(record: &LoginRecord) -> io::Result<()> {
    let left = LoginRecord { user: String::new(), host: String::new(), address: None, ..record.clone() };
    put(&entry(&left, libc::DEAD_PROCESS))
}

/// Writes that those are gone whose process does not exist any more: nobody has, when their monitor was killed.
/// Returns how many there were.
///
/// # Errors
/// As [`log_in`].
pub fn log_out_the_dead() -> io::Result<usize> {
    let mut dead = Vec::new();
    for_each_entry(|entry| {
        if entry.ut_type == libc::USER_PROCESS && is_pseudo_terminal(entry) && is_gone(entry.ut_pid) {
            dead.push(*entry);
        }
    });
    for entry in &mut dead {
        entry.ut_type = libc::DEAD_PROCESS;
        entry.ut_user.fill(0);
        entry.ut_host.fill(0);
        entry.ut_addr_v6.fill(0);
        // When they left nobody knows, but not when they came.
        stamp(entry);
        put(entry)?;
    }
    Ok(dead.len())
}

/// Writes that somebody tried to log in and failed. Whose `btmp` is not root's alone does not get more names into it:
/// people type passwords where their name belongs.
///
/// # Errors
/// When the file is there and cannot be written, or can be written by others.
pub fn failed_to_log_in(record: &LoginRecord) -> io::Result<()> {
    let Some(mut file) = opened(OpenOptions::new().append(true), Path::new(BTMP))? else { return Ok(()) };
    let facts = file.metadata()?;
    if facts.uid() != 0 || facts.mode() & 0o002 != 0 {
        return Err(io::Error::other(format!("Excess permission or bad ownership on file {BTMP}")));
    }
    file.write_all(bytes_of(&entry(record, libc::LOGIN_PROCESS)))
}

/// The last login of an account; `None` when there was none, or nobody keeps note.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn last_login(uid: u32) -> io::Result<Option<LastLogin>> {
    last_login_in(Path::new(LASTLOG), uid)
}

/// Takes note of a login.
///
/// # Errors
/// When the file is there and cannot be written.
pub fn note_login(uid: u32, record: &LoginRecord) -> io::Result<()> {
    note_login_in(Path::new(LASTLOG), uid, record)
}

fn last_login_in(path: &Path, uid: u32) -> io::Result<Option<LastLogin>> {
    let Some(file) = opened(OpenOptions::new().read(true), path)? else { return Ok(None) };
    let mut bytes = [0; LASTLOG_RECORD];
    match file.read_exact_at(&mut bytes, offset_in_lastlog(uid)) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let (seconds, rest) = bytes.split_at(4);
    let (line, host) = rest.split_at(LASTLOG_LINE);
    let seconds = u32::from_ne_bytes(seconds.try_into().unwrap_or_default());
    Ok((seconds != 0).then(|| LastLogin { seconds, line: text(line), host: text(host) }))
}

fn note_login_in(path: &Path, uid: u32, record: &LoginRecord) -> io::Result<()> {
    let Some(file) = opened(OpenOptions::new().write(true), path)? else { return Ok(()) };
    let mut bytes = [0; LASTLOG_RECORD];
    let (seconds, rest) = bytes.split_at_mut(4);
    seconds.copy_from_slice(&now().to_ne_bytes());
    let (line, host) = rest.split_at_mut(LASTLOG_LINE);
    fill(line, &record.line);
    fill(host, &record.host);
    file.write_all_at(&bytes, offset_in_lastlog(uid))
}

fn offset_in_lastlog(uid: u32) -> u64 {
    u64::from(uid).saturating_mul(LASTLOG_RECORD as u64)
}

/// The file, if this host has one.
fn opened(how: &OpenOptions, path: &Path) -> io::Result<Option<File>> {
    match how.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seconds since 1970: the files have four bytes for them.
fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// Into `wtmp` and `utmp`.
fn put(entry: &libc::utmpx) -> io::Result<()> {
    if let Some(mut wtmp) = opened(OpenOptions::new().append(true), Path::new(WTMP))? {
        wtmp.write_all(bytes_of(entry))?;
    }
    let _alone = UTMP.lock();
    // SAFETY: the entry is valid for the calls, which do not keep it. The lock keeps other threads away from the file
    // handle that these functions share.
    let written = unsafe {
        libc::setutxent();
        let written = libc::pututxline(std::ptr::from_ref(entry));
        let error = io::Error::last_os_error();
        libc::endutxent();
        if written.is_null() { Err(error) } else { Ok(()) }
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn bytes_of(entry: &libc::utmpx) -> &[u8] {
    // SAFETY: entries are zeroed before they are filled, or come from a file, so every byte is initialised, padding
    // included; the slice lives as long as the entry.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(entry).cast::<u8>(), std::mem::size_of::<libc::utmpx>()) }
}

/// getutxent(3) and its family work on one file handle for the whole process.
static UTMP: Mutex<()> = Mutex::new(());

fn for_each_entry(mut look_at: impl FnMut(&libc::utmpx)) {
    let _alone = UTMP.lock();
    // SAFETY: what getutxent(3) returns is valid until the next call, and is not kept beyond it; the lock keeps other
    // threads from making that call.
    unsafe {
        libc::setutxent();
        while let Some(entry) = libc::getutxent().as_ref() {
            look_at(entry);
        }
        libc::endutxent();
    }
}

fn entry(record: &LoginRecord, kind: libc::c_short) -> libc::utmpx {
    // SAFETY: all zeros is a valid `utmpx`: numbers and arrays of characters.
    let mut entry: libc::utmpx = unsafe { std::mem::zeroed() };
    entry.ut_type = kind;
    entry.ut_pid = record.pid;
    fill_characters(&mut entry.ut_line, &record.line);
    fill_characters(&mut entry.ut_id, id_of(&record.line));
    fill_characters(&mut entry.ut_user, &record.user);
    fill_characters(&mut entry.ut_host, &record.host);
    entry.ut_addr_v6 = address_words(record.address);
    stamp(&mut entry);
    entry
}

/// It happens now.
fn stamp(entry: &mut libc::utmpx) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Four bytes each on most machines, eight on some.
    entry.ut_tv.tv_sec = since.as_secs() as _;
    entry.ut_tv.tv_usec = since.subsec_micros() as _;
}

/// What tells the entries of `utmp` apart: the last characters of the terminal, as theirs writes them. An entry that
/// theirs has left behind on a terminal makes room for ours.
fn id_of(line: &str) -> &str {
    line.get(line.len().saturating_sub(4)..).unwrap_or(line)
}

fn address_words(address: Option<IpAddr>) -> [i32; 4] {
    match address.map(|address| address.to_canonical()) {
        None => [0; 4],
        Some(IpAddr::V4(address)) => [i32::from_ne_bytes(address.octets()), 0, 0, 0],
        Some(IpAddr::V6(address)) => {
            let octets = address.octets();
            let word = |index: usize| {
                let mut word = [0; 4];
                word.copy_from_slice(&octets[index * 4..index * 4 + 4]);
                i32::from_ne_bytes(word)
            };
            [word(0), word(1), word(2), word(3)]
        }
    }
}

/// As much as there is room for; what is left over stays zero.
fn fill(field: &mut [u8], text: &str) {
    for (byte, character) in field.iter_mut().zip(text.bytes()) {
        *byte = character;
    }
}

fn fill_characters(field: &mut [libc::c_char], text: &str) {
    for (character, byte) in field.iter_mut().zip(text.bytes()) {
        *character = byte as libc::c_char;
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn is_pseudo_terminal(entry: &libc::utmpx) -> bool {
    let prefix = b"pts/";
    entry.ut_line.iter().zip(prefix).all(|(character, byte)| *character == *byte as libc::c_char)
}

/// Whether a process has ended; its new parent may take its time to reap it.
fn is_gone(pid: i32) -> bool {
    // Between opening and reading it may go, too.
    let is_none = |why: io::Error| why.kind() == io::ErrorKind::NotFound || why.raw_os_error() == Some(libc::ESRCH);
    pid > 0 && std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or_else(is_none, |stat| is_dead(&stat))
}

/// proc_pid_stat(5): the state follows the name, which stands in parentheses and may hold any. A process whose first thread
/// has ended and others have not shows the same state: its user is there.
fn is_dead(stat: &str) -> bool {
    const THREADS_BEHIND_STATE: usize = 16;
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let has_ended = matches!(fields.next(), Some("Z" | "X"));
    has_ended && fields.nth(THREADS_BEHIND_STATE).is_none_or(|threads| matches!(threads, "0" | "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> LoginRecord {
        let address = Some("192.0.2.7".parse().unwrap());
        LoginRecord {
            line: "pts/3".to_owned(),
            user: "alice".to_owned(),
            host: "192.0.2.7".to_owned(),
            address,
            pid: 7,
        }
    }

    #[test]
    fn lastlog_keeps_each_account_in_its_place() {
        let path = std::env::temp_dir().join(format!("lastlog-{}", std::process::id()));
        assert_eq!(last_login_in(&path, 3).unwrap(), None, "no file, no note");
        note_login_in(&path, 3, &record()).unwrap();
        assert!(!path.exists(), "a host that keeps no note is not made to");
        std::fs::write(&path, "").unwrap();
        note_login_in(&path, 3, &record()).unwrap();
        let (third, second) = (last_login_in(&path, 3).unwrap(), last_login_in(&path, 2).unwrap());
        let size = std::fs::metadata(&path).unwrap().len();
        std::fs::remove_file(&path).unwrap();
        let third = third.unwrap();
        assert_eq!((third.line.as_str(), third.host.as_str()), ("pts/3", "192.0.2.7"));
        assert!(third.seconds > 1_700_000_000);
        assert_eq!((second, size), (None, 4 * 292));
    }

    #[test]
    fn entries_are_told_apart_by_the_end_of_the_terminal() {
        assert_eq!((id_of("pts/3"), id_of("pts/12345"), id_of("tty1")), ("ts/3", "2345", "tty1"));
    }

    #[test]
    fn long_names_are_cut() {
        let long = LoginRecord { host: "x".repeat(300), ..record() };
        let entry = entry(&long, libc::USER_PROCESS);
        assert!(entry.ut_host.iter().all(|character| *character == b'x' as libc::c_char));
        assert_eq!(entry.ut_addr_v6, [i32::from_ne_bytes([192, 0, 2, 7]), 0, 0, 0]);
    }

    #[test]
    fn a_process_has_ended_when_its_last_thread_has() {
        let stat =
            |state, threads| format!("7 (a) Z b) {state} 1 7 7 34816 7 0 0 0 0 0 0 0 0 0 20 0 {threads} 0 99 0 0\n");
        assert!(is_dead(&stat("Z", 1)) && is_dead(&stat("Z", 0)) && is_dead(&stat("X", 1)));
        assert!(!is_dead(&stat("Z", 2)) && !is_dead(&stat("S", 1)) && !is_dead("") && !is_dead("7 (a) Z b) S 1"));
    }

    #[test]
    fn who_has_ended_is_gone_before_anybody_has_reaped_it() {
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(!is_gone(pid) && !is_gone(0));
        drop(child.stdin.take());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !is_gone(pid) {
            assert!(std::time::Instant::now() < deadline, "it ends with its input");
            std::thread::yield_now();
        }
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "nobody has reaped it");
        child.wait().unwrap();
        assert!(is_gone(pid));
    }
}
