//! `EventLog`: what happens as JSON, for a reader that comes, goes, hangs or never was there.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulkhead_tests::{Server, binaries, executable_of, needs_root, run, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

fn events(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// The events of the connection that has one of this name.
fn connection_with<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    let id = &events.iter().find(|event| event["event"] == name).expect(name)["connection"];
    assert_eq!(id.as_str().map(str::len), Some(16));
    events.iter().filter(|event| event["connection"] == *id).collect()
}

#[test]
fn a_connection_is_told_from_its_beginning_to_its_end_in_one_file_that_only_root_reads() {
    if !needs_root("a_connection_is_told_from_its_beginning_to_its_end_in_one_file_that_only_root_reads") {
        return;
    }
    let server = Server::as_root("# bulkhead_config\nEventLog @SCRATCH@/events\n");
    let file = server.scratch.path("events");
    assert_eq!(server.ssh_ok(&[], "echo hello"), "hello\n");
    server.wait_until_idle();
    let events = events(&file);
    let mode = fs::metadata(&file).unwrap();
    assert_eq!((mode.uid(), mode.permissions().mode() & 0o777), (0, 0o600));

    let login = connection_with(&events, "Accepted");
    let told: Vec<&str> = login.iter().map(|event| event["event"].as_str().unwrap()).collect();
    for name in ["ConnectionFrom", "Accepted", "StartingSession", "ReceivedDisconnect", "Disconnected", "CloseSession"]
    {
        assert!(told.contains(&name), "{name} in {told:?}");
    }
    let pids: HashSet<&Value> = login.iter().map(|event| &event["pid"]).collect();
    assert_eq!(pids.len(), 1, "one pid for one connection");
    let accepted = login.iter().find(|event| event["event"] == "Accepted").unwrap();
    assert_eq!(accepted["fields"]["method"], "publickey");
    assert_eq!(accepted["user"], server.account.name.as_str());
    assert_eq!(accepted["peer"]["address"], "127.0.0.1");
    assert_eq!(accepted["local"]["port"], server.port);
    let ended = login.iter().find(|event| event["event"] == "SessionEnded").expect("an account of the session");
    assert_eq!((&ended["fields"]["sent"], &ended["fields"]["received"]), (&6.into(), &0.into()), "{ended}");
    assert!(ended["fields"]["milliseconds"].as_u64().is_some() && ended["level"] == "INFO");
    assert!(names(&events).contains(&"ServerListening"));
    assert!(events[0]["connection"].is_null());
}

#[test]
fn rotation_needs_no_signal_even_for_a_session_that_lives() {
    let server = Server::any("# bulkhead_config\nEventLog @SCRATCH@/events\n");
    let (file, old) = (server.scratch.path("events"), server.scratch.path("events.1"));
    let mut ssh = server.client("ssh");
    let mut client = ssh.arg(server.login()).arg("read line").stdin(Stdio::piped()).spawn().unwrap();
    wait_until("the session is told of", || names(&events(&file)).contains(&"StartingSession"));
    fs::rename(&file, &old).unwrap();
    drop(client.stdin.take());
    client.wait().unwrap();
    server.wait_until_idle();
    assert!(names(&events(&file)).contains(&"Disconnected"), "{:?}", names(&events(&file)));
    let id = connection_with(&events(&old), "Accepted")[0]["connection"].clone();
    assert_eq!(connection_with(&events(&file), "Disconnected")[0]["connection"], id);
}

#[test]
fn a_reader_that_is_missing_or_hangs_costs_no_login_and_a_late_one_learns_what_it_missed() {
    let server = Server::any("# bulkhead_config\nEventLog unix:@SCRATCH@/socket\n");
    assert_eq!(server.ssh_ok(&[], "echo nobody reads"), "nobody reads\n");
    server.wait_until_idle();
    server.wait_for_log("socket: No such file or directory; events are lost");
    let lost = server.wait_for_log(" events were lost");
    assert!(lost.contains("EventLog"), "{lost}");

    // It is there, and takes nothing.
    let path = server.scratch.path("socket");
    let reader = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(server.ssh_ok(&[], "echo it hangs"), "it hangs\n");
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());

    let mut told = Vec::new();
    let mut buffer = vec![0; 65536];
    reader.set_nonblocking(true).unwrap();
    while let Ok(length) = reader.recv(&mut buffer) {
        told.push(serde_json::from_slice::<Value>(&buffer[..length]).unwrap());
    }
    assert!(names(&told).contains(&"ConnectionFrom"), "{told:?}");
    server.signal(Signal::SIGHUP);
    wait_until("the listener speaks to it again", || {
        while let Ok(length) = reader.recv(&mut buffer) {
            told.push(serde_json::from_slice::<Value>(&buffer[..length]).unwrap());
        }
        names(&told).contains(&"ReceivedSighup")
    });
    let lost = told.iter().find(|event| event["event"] == "EventsLost").unwrap();
    assert!(lost["fields"]["count"].as_u64() >= Some(1), "{lost}");
}

#[test]
fn a_file_that_others_could_change_is_refused_at_the_start_and_at_a_reload() {
    let server = Server::any("");
    let companion = |name: &str| {
        let line = format!("EventLog {}\n", server.scratch.path(name).display());
        server.scratch.file("bulkhead_config", line)
    };
    let target = server.scratch.file("target", "");
    std::os::unix::fs::symlink(&target, server.scratch.path("link")).unwrap();
    companion("link");
    let sshd = binaries().join("sshd");
    let started = run(Command::new(&sshd).args(["-D", "-e", "-f"]).arg(server.scratch.path("sshd_config")));
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert_eq!(started.status.code(), Some(1), "{said}");
    assert!(said.contains("EventLog"), "{said}");
    server.signal(Signal::SIGHUP);
    server.wait_for_log("The configuration stays as it was: EventLog");
    assert_eq!(server.ssh_ok(&[], "echo still here"), "still here\n");
    assert_eq!(fs::read_to_string(target).unwrap(), "");
}

#[test]
fn a_session_whose_process_is_killed_is_accounted_without_bytes() {
    let server = Server::any("# bulkhead_config\nEventLog @SCRATCH@/events\n");
    let file = server.scratch.path("events");
    let mut client = server.client("ssh").arg(server.login()).arg("sleep 60").spawn().unwrap();
    wait_until("the session is told of", || names(&events(&file)).contains(&"StartingSession"));
    let family = server.descendants();
    let session = family.iter().find(|pid| executable_of(**pid) == "sshd-session").unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(*session), Signal::SIGKILL).unwrap();
    client.wait().unwrap();
    wait_until("the session is accounted", || names(&events(&file)).contains(&"SessionEnded"));
    let events = events(&file);
    let ended = events.iter().find(|event| event["event"] == "SessionEnded").unwrap();
    assert!(ended["fields"]["sent"].is_null() && ended["fields"]["what"] == "command", "{ended}");
}

#[test]
fn what_the_listener_says_of_a_connection_has_its_id_too() {
    let server = Server::any("LoginGraceTime 1\n# bulkhead_config\nEventLog @SCRATCH@/events\n");
    let file = server.scratch.path("events");
    let silent = server.connect();
    wait_until("its time is over", || names(&events(&file)).contains(&"TimeoutBeforeAuthentication"));
    drop(silent);
    let events = events(&file);
    let told = connection_with(&events, "TimeoutBeforeAuthentication");
    let sources: Vec<&str> = told.iter().map(|event| event["source"].as_str().unwrap()).collect();
    assert!(sources.contains(&"monitor") && sources.contains(&"listener"), "{told:?}");
    assert!(told.iter().all(|event| event["peer"] == told[0]["peer"]));
}

/// What a table of `docs/events.md` says: the names in the first column, and of each row the names that its last column
/// gives.
fn documented(document: &str, heading: &str) -> HashMap<String, Vec<String>> {
    let section = document.split(heading).nth(1).unwrap_or_else(|| panic!("no {heading:?}"));
    let rows = section.lines().skip(1).take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with("| `"));
    let named = |row: &str| {
        let mut columns = row.trim_matches('|').splitn(3, " | ");
        let names = columns.next().unwrap_or_default().trim().replace('`', "");
        let fields = columns.nth(1).unwrap_or_default().trim();
        let fields =
            fields.split("; `").map(|field| field.trim_start_matches('`').split('`').next().unwrap_or_default());
        (names, fields.filter(|field| !field.is_empty()).map(str::to_owned).collect())
    };
    rows.map(named).collect()
}

/// Many kinds of events, as many as clients can bring about in a moment.
fn eventful_server() -> Server {
    let server = Server::as_root(
        "AllowStreamLocalForwarding no\nMaxSessions 1\nPermitOpen 127.0.0.1:9\n# bulkhead_config\nEventLog @SCRATCH@/events\n",
    );
    assert_eq!(server.ssh_ok(&["-R", "0:127.0.0.1:9"], "echo hello"), "hello\n");
    server.ssh(&["-l", "no-such-user"], "true");
    server.ssh(&["-oCiphers=aes128-cbc"], "true");
    server.ssh(&["-W", "127.0.0.1:10"], "");
    let upload = server.scratch.file("upload", "content");
    let batch = format!("put {}\nrename upload uploaded\nrm uploaded\n", upload.display());
    assert!(server.sftp(&[], &batch).status.success());
    drop(server.connect());
    server.wait_for_log("Connection closed by remote host");
    server.signal(Signal::SIGHUP);
    server.wait_for_log("Received SIGHUP");
    server.wait_until_idle();
    server
}

#[test]
fn every_line_is_as_the_document_says() {
    if !needs_root("every_line_is_as_the_document_says") {
        return;
    }
    let document = fs::read_to_string(bulkhead_tests::project().join("docs/events.md")).expect("the document");
    let line_fields: HashSet<String> = documented(&document, "## A line")
        .into_keys()
        .flat_map(|names| names.split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let server = eventful_server();
    let mut seen = HashSet::new();
    for event in events(&server.scratch.path("events")) {
        let top: HashSet<String> = event.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(top, line_fields, "{event}");
        let (source, name) =
            (event["source"].as_str().expect("its source"), event["event"].as_str().expect("its name"));
        let rows = documented(&document, &format!("### `{source}`: "));
        let fields = rows.get(name).unwrap_or_else(|| panic!("{source} {name} is not documented"));
        let fields: HashSet<String> = fields.iter().cloned().collect();
        let written: HashSet<String> = event["fields"].as_object().expect("an object").keys().cloned().collect();
        assert_eq!(written, fields, "{event}");
        assert!(event["level"].is_string() && event["text"].is_string() && event["pid"].is_u64(), "{event}");
        assert!(["none", "invalid", "authenticating", "logged in"].contains(&event["login"].as_str().expect("a word")));
        seen.insert(format!("{source} {name}"));
    }
    for expected in [
        "listener ServerListening",
        "listener ReceivedSighup",
        "preauth NoMatch",
        "preauth ClosedBeforeIdentification",
        "monitor Accepted",
        "monitor Failed",
        "monitor SessionEnded",
        "session ReceivedDisconnect",
        "files Uploaded",
        "files Renamed",
        "files Removed",
    ] {
        assert!(seen.contains(expected), "{expected} in {seen:?}");
    }
}
