//! Files, programs and directories that are not there, or that others than root could change.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::User;
use policy::Step;
use settings::keywords::{Id, Keyword};
use settings::text::to_path;
use settings::values::EventLog;
use settings::words::split;
use settings::{Place, Said, Setting};
use sftp_options::Options;

use super::Lint;
use crate::listen::host_keys::{HostKeys, is_user_certificate};

/// Where distributions install their sftp-server: a line that names it comes with the distribution's own file.
const CUSTOMARY_SFTP_SERVERS: [&str; 5] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
];

pub(super) fn look(lint: &mut Lint<'_>) {
    for said in &lint.loaded.settings.said {
        if lint.is_refused(said) {
            continue;
        }
        let place = said.place;
        match &said.setting {
            Setting::Banner(Some(path)) => readable(lint, place, "Banner", path, "no banner is sent"),
            Setting::TrustedUserCAKeys(Some(path)) => {
                readable(lint, place, "TrustedUserCAKeys", path, "no certificate can log in");
            }
            Setting::RevokedKeys(files) => {
                for path in files.iter().filter(|path| !path.contains('%')) {
                    readable(lint, place, "RevokedKeys", &to_path(path), "nobody can log in by public key");
                }
            }
            Setting::AuthorizedKeysCommand(Some(line)) => program(lint, place, "AuthorizedKeysCommand", line),
            Setting::AuthorizedPrincipalsCommand(Some(line)) => {
                program(lint, place, "AuthorizedPrincipalsCommand", line)
            }
            Setting::AuthorizedKeysCommandUser(Some(user)) => account(lint, said, user, Id::AuthorizedKeysCommand),
            Setting::AuthorizedPrincipalsCommandUser(Some(user)) => {
                account(lint, said, user, Id::AuthorizedPrincipalsCommand);
            }
            Setting::ChrootDirectory(Some(path)) => chroot(lint, place, path),
            Setting::SftpEventSpool(Some(path)) => spool(lint, place, path),
            Setting::EventLog(Some(EventLog::File(path))) => folder_of_events(lint, place, path),
            Setting::SftpJail(Some(path)) => jail(lint, said, path),
            Setting::Subsystem(subsystems) => {
                subsystems.iter().for_each(|subsystem| command(lint, place, "Subsystem", &subsystem.command_line));
            }
            Setting::ForceCommand(Some(line)) => command(lint, place, "ForceCommand", line),
            _ => {}
        }
    }
    certificate_of_a_user(lint);
}

/// Keys that theirs can use and we cannot.
pub(super) fn look_at_keys(lint: &mut Lint<'_>, host_keys: &HostKeys) {
    for file in &host_keys.not_supported {
        let is_it = |said: &Said| matches!(&said.setting, Setting::HostKey(files) if files.iter().any(|named| named.0 == *file));
        let place = lint.loaded.settings.said.iter().find(|said| is_it(said)).map(|said| said.place);
        let text = format!("host key {} is of a type or size that is not supported", file.display());
        if host_keys.usable.is_empty() {
            lint.warn(place, format!("{text}, and there is no other: the server will not start"));
        } else {
            lint.remark(place, text);
        }
    }
}

fn readable(lint: &mut Lint<'_>, place: Place, keyword: &str, path: &Path, then: &str) {
    let Err(error) = std::fs::File::open(path) else { return };
    let text = format!("{keyword} {}: {error}; then {then}", path.display());
    let expected = path.parent().is_some_and(|directory| directory != Path::new("/") && directory.is_dir());
    // A folder that is not there either is another host's, and a banner is no great loss.
    if expected && keyword != "Banner" { lint.warn(place, text) } else { lint.remark(place, text) }
}

/// The account that a program runs as; of some weight only where the program is there.
fn account(lint: &mut Lint<'_>, said: &Said, user: &str, program: Id) {
    if user.contains('%') || User::from_name(user).ok().flatten().is_some() {
        return;
    }
    let keyword = Keyword::of(said.setting.id()).name;
    let text = format!("{keyword}: there is no account \"{user}\", so the program is never run");
    let is_there = |line: &str| to_path(line.split([' ', '\t']).next().unwrap_or_default()).exists();
    if lint.lines(program).any(|(_, line)| is_there(line)) {
        lint.warn(said.place, text);
    } else {
        lint.remark(said.place, text);
    }
}

/// Programs that decide about logins must belong to root, with every directory above them.
fn program(lint: &mut Lint<'_>, place: Place, keyword: &str, line: &str) {
    let path = to_path(line.split([' ', '\t']).next().unwrap_or_default());
    match std::fs::metadata(&path) {
        Err(error) => lint.remark(place, format!("{keyword} {}: {error}; it is never run", path.display())),
        Ok(found) if !found.is_file() || found.mode() & 0o111 == 0 => {
            lint.warn(place, format!("{keyword} {} is not an executable file (chmod 755)", path.display()));
        }
        Ok(_) => unsafe_components(lint, place, keyword, &path),
    }
}

/// What of a path is known before anybody logs in: the directories in front of the first token.
fn fixed_part(path: &str) -> String {
    let path = path.replace("%%", "\0");
    let fixed = match path.split_once('%') {
        Some((fixed, _)) => fixed.rsplit_once('/').map_or("", |(directory, _)| directory),
        None => &path,
    };
    fixed.replace('\0', "%")
}

/// The directory is opened as the user and may be theirs: all that can be known is whether it is there.
fn jail(lint: &mut Lint<'_>, said: &Said, path: &str) {
    let fixed = fixed_part(path);
    let inside_chroot = lint.loaded.settings.certain_with(said.block).chroot_directory.is_some();
    if fixed.is_empty() || inside_chroot {
        return;
    }
    match std::fs::metadata(to_path(&fixed)) {
        Err(error) => lint.remark(said.place, format!("SftpJail {fixed}: {error}; then logins fail")),
        Ok(found) if !found.is_dir() => lint.warn(said.place, format!("SftpJail {fixed} is not a directory")),
        Ok(_) => {}
    }
}

/// What the monitor will look at before it puts anything there.
fn spool(lint: &mut Lint<'_>, place: Place, path: &Path) {
    let wrong = match std::fs::symlink_metadata(path) {
        Err(error) => error.to_string(),
        Ok(found) if !found.is_dir() => "is not a directory".to_owned(),
        Ok(found) if found.uid() != nix::unistd::geteuid().as_raw() => {
            format!("belongs to user {}, not to the server's", found.uid())
        }
        Ok(found) if found.mode() & 0o002 != 0 => "can be written by everybody (chmod o-w)".to_owned(),
        Ok(_) => return,
    };
    lint.warn(place, format!("SftpEventSpool {}: {wrong}; then events are lost", path.display()));
}

fn folder_of_events(lint: &mut Lint<'_>, place: Place, path: &Path) {
    if let Some(Err(error)) = path.parent().map(std::fs::metadata) {
        lint.warn(place, format!("EventLog {}: {error}; then the server does not start", path.display()));
    }
}

/// The part of the path in front of the first token must be safe already.
fn chroot(lint: &mut Lint<'_>, place: Place, path: &str) {
    let fixed = fixed_part(path);
    let directory = to_path(&fixed);
    if !path.starts_with(['/', '%']) {
        return lint.warn(place, format!("ChrootDirectory {path} does not begin with a slash; then logins fail"));
    }
    if fixed.is_empty() {
        return;
    }
    match std::fs::metadata(&directory) {
        Err(error) => {
            lint.remark(place, format!("ChrootDirectory {}: {error}; then logins fail", directory.display()));
            chroot_components(lint, place, &fixed);
        }
        Ok(found) if !found.is_dir() => {
            lint.warn(place, format!("ChrootDirectory {} is not a directory", directory.display()));
        }
        Ok(_) => chroot_components(lint, place, &fixed),
    }
}

/// What a login would stumble over, in the words in which the log would tell it.
fn chroot_components(lint: &mut Lint<'_>, place: Place, directory: &str) {
    let facts = policy::components_of(directory).into_iter().filter_map(|component| {
        let found = std::fs::metadata(to_path(component)).ok()?;
        let owner = User::from_uid(found.uid().into()).ok().flatten().map(|user| user.name);
        let (path, is_directory) = (component.to_owned(), found.is_dir());
        Some(Ok(policy::ComponentFacts { path, is_directory, uid: found.uid(), owner, mode: found.mode() }))
    });
    for step in policy::chroot_components(directory, &facts.collect::<Vec<_>>()).steps {
        if matches!(step, Step::ChrootComponentUnsound { .. }) {
            lint.warn(place, step.to_string());
        }
    }
}

fn unsafe_components(lint: &mut Lint<'_>, place: Place, keyword: &str, path: &Path) {
    let components: Vec<PathBuf> = path.ancestors().map(Path::to_owned).collect();
    for component in components.iter().rev().filter(|component| component.is_absolute()) {
        let Ok(found) = std::fs::metadata(component) else { continue };
        let shown = component.display();
        let (uid, mode) = (found.uid(), found.mode() & 0o7777);
        if uid != 0 {
            lint.warn(place, format!("{keyword}: {shown} belongs to user {uid}, not to root (chown root {shown})"));
        } else if mode & 0o022 != 0 {
            let text = format!("{keyword}: {shown} can be written by others, mode {mode:04o} (chmod go-w {shown})");
            lint.warn(place, text);
        }
    }
}

/// A command that is nearly internal-sftp, or whose program is not there.
fn command(lint: &mut Lint<'_>, place: Place, keyword: &str, line: &str) {
    let word = line.split([' ', '\t']).next().unwrap_or_default().trim_matches('"');
    if word != "internal-sftp" && distance(word, "internal-sftp") <= 2 {
        lint.warn(place, format!("{keyword}: \"{word}\" is no command; did you mean internal-sftp?"));
    } else if let Some(arguments) = policy::internal_sftp_arguments(line) {
        options_of_internal_sftp(lint, place, keyword, arguments);
    } else if word.starts_with('/')
        && !CUSTOMARY_SFTP_SERVERS.contains(&word)
        && let Err(error) = std::fs::metadata(to_path(word))
    {
        let remedy = if word.ends_with("sftp-server") { " (internal-sftp needs no program)" } else { "" };
        lint.warn(place, format!("{keyword} {word}: {error}{remedy}"));
    }
}

/// What `sftp-server` would say to these options before it serves anything. Nobody hears it from `internal-sftp` before
/// the first login, and a request whose name is misspelt behind `-P` stays allowed.
fn options_of_internal_sftp(lint: &mut Lint<'_>, place: Place, keyword: &str, arguments: &str) {
    let wrong = match split(arguments).map(|words| Options::to_serve(&words)) {
        Some(Ok(options)) => {
            for name in options.unknown_requests {
                let text = format!("{keyword}: internal-sftp knows no request \"{name}\" (sftp-server -Q requests)");
                lint.warn(place, text);
            }
            return;
        }
        Some(Err(error)) => error.to_string(),
        None => "a quote is not closed".to_owned(),
    };
    lint.warn(place, format!("{keyword}: internal-sftp: {wrong}; then no files are served"));
}

/// How many characters must be added, removed or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    if one.len() > 2 * other.len() {
        return one.len();
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, character) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], place + 1);
        for column in 0..other.len() {
            let change = diagonal + usize::from(character != other[column]);
            diagonal = row[column + 1];
            row[column + 1] = change.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// Theirs takes a user's certificate for a host certificate without a word; no client will, so it is not offered.
fn certificate_of_a_user(lint: &mut Lint<'_>) {
    for (said, _) in lint.lines(Id::HostCertificate) {
        let Setting::HostCertificate(files) = &said.setting else { continue };
        for file in files.iter().filter(|file| is_user_certificate(file)) {
            lint.warn(said.place, format!("HostCertificate {} is the certificate of a user", file.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fixed_part;

    #[test]
    fn what_is_known_ends_before_the_first_token() {
        for (path, fixed) in
            [("/srv/%u/x", "/srv"), ("/srv/a%u", "/srv"), ("%h/x", ""), ("/100%%/x", "/100%/x"), ("/100%%/%u", "/100%")]
        {
            assert_eq!(fixed_part(path), fixed, "{path}");
        }
    }
}
