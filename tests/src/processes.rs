//! What the system tells of running processes.

use std::ffi::OsStr;
use std::fs;

/// Descendants of a process, parents first.
#[must_use]
pub fn descendants_of(pid: i32) -> Vec<i32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next).copied() {
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        next += 1;
    }
    family.split_off(1)
}

/// The title (command line) of a process.
#[must_use]
pub fn title_of(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned()
}

/// The file that a process executes. An ordinary user is not shown those of processes that are locked down: of ours,
/// which are, the title tells it.
#[must_use]
pub fn executable_of(pid: i32) -> String {
    match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(path) => path.file_name().unwrap_or(OsStr::new("")).to_string_lossy().into_owned(),
        Err(_) => executable_by_title(&title_of(pid)).to_owned(),
    }
}

fn executable_by_title(title: &str) -> &'static str {
    let Some(shown) = title.strip_prefix("sshd: ") else { return "" };
    match shown.rsplit_once(' ').map(|(_, role)| role).unwrap_or(shown) {
        "[priv]" | "[accepted]" => "sshd-monitor",
        "[net]" => "sshd-preauth",
        "[forward]" => "sshd-forward",
        _ if shown.contains("[listener]") => "sshd",
        _ => "sshd-session",
    }
}

/// A line of `/proc/PID/status`.
#[must_use]
pub fn status_of(pid: i32, field: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}

/// Processes of an account that have not ended.
#[must_use]
pub fn processes_of(uid: u32) -> Vec<i32> {
    let uid = uid.to_string();
    let is_its = |pid: &i32| {
        status_of(*pid, "Uid").split_whitespace().any(|id| id == uid) && !status_of(*pid, "State").starts_with('Z')
    };
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_its).collect()
}
