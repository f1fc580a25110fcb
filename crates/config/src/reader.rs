//! Line after line: which block it stands in, what it says, what is wrong with it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use settings::file_pattern::matching_files;
use settings::keywords::{Id, ItsFile, Keyword, Meaning, Withdrawal, Withdrawn, meaning};
use settings::text::{from_bytes, from_path, to_bytes};
use settings::{Arguments, Block, Complaint, FilePath, Place, PortList, Said, Setting, Settings};

use crate::line::{NoLine, split, trimmed, words};
use crate::load::{Loaded, Reading, Typed};
use crate::match_line;
use crate::messages::{Message, Severity};

/// Nested Include levels below the main file, as theirs.
const DEEPEST: usize = 16;
/// Files and bytes that one configuration may come to, so that files that include each other end. Theirs has no such
/// limit and goes on for days.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: usize = 64 << 20;

/// Reading has ended; the messages say why.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) status: u8,
}

/// The state of the reading.
pub(crate) struct Reader {
    pub(crate) settings: Settings,
    pub(crate) messages: Vec<Message>,
    unmatched_includes: Vec<(Place, String)>,
    typed: Vec<Typed>,
    /// The block that lines belong to, and whether it acts from the start.
    block: Option<u32>,
    acts_at_start: bool,
    ports: Vec<u16>,
    ports_from_command_line: bool,
    reading: Reading,
    /// Whose keywords the file may hold.
    kind: ItsFile,
    files_read: usize,
    bytes: usize,
}

/// Where a line stands, with the block around its file.
#[derive(Clone, Copy)]
struct Here {
    place: Place,
    outer: Option<u32>,
    depth: usize,
    indented: bool,
}

impl Reader {
    pub(crate) fn new(reading: Reading) -> Self {
        Self {
            settings: Settings { files: vec!["command-line".to_owned()], ..Settings::default() },
            messages: Vec::new(),
            unmatched_includes: Vec::new(),
            typed: Vec::new(),
            block: None,
            acts_at_start: true,
            ports: Vec::new(),
            ports_from_command_line: false,
            reading,
            kind: ItsFile::SshdConfig,
            files_read: 0,
            bytes: 0,
        }
    }

    pub(crate) fn loaded(self) -> Loaded {
        let Self { settings, messages, bytes, unmatched_includes, typed, .. } = self;
        Loaded { settings, messages, bytes, unmatched_includes, typed }
    }

    /// A setting that an option of the command line stands for.
    pub(crate) fn say_first(&mut self, setting: Setting) {
        self.say(setting, COMMAND_LINE, Typed::default());
    }

    /// `-p`
    pub(crate) fn port(&mut self, port: u16) {
        self.ports_from_command_line = true;
        self.say(Setting::Port(vec![port]), COMMAND_LINE, Typed::default());
    }

    /// `-o`
    pub(crate) fn command_line(&mut self, line: &str) -> Result<(), Stop> {
        let here = Here { place: COMMAND_LINE, outer: None, depth: 0, indented: false };
        match self.line(trimmed(line), here)? {
            Counted(0) => Ok(()),
            Counted(_) => Err(Stop { status: 1 }),
        }
    }

    /// The file named with `-f`, or the default one.
    pub(crate) fn main_file(&mut self, path: &Path) -> Result<(), Stop> {
        self.file(path, None, 0)
    }

    /// The file for keywords that theirs does not know. It begins outside of any block.
    pub(crate) fn companion_file(&mut self, path: &Path) -> Result<(), Stop> {
        self.kind = ItsFile::Companion;
        self.enter(None);
        self.file(path, None, 0)
    }

    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.messages.push(Message { severity: Severity::Error, text: text.into() });
    }

    fn file(&mut self, path: &Path, outer: Option<u32>, depth: usize) -> Result<(), Stop> {
        let name = from_path(path);
        let mut content = self.content(path, &name)?;
        if self.reading == Reading::AsTheirs {
            glue_lines_at_nul(&mut content);
        }
        let text = from_bytes(&content);
        let file = self.file_index(&name);
        let mut bad = 0;
        let mut rest: &str = &text;
        let mut line_number = 0;
        while !rest.is_empty() {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            line_number += 1;
            let indented = line.starts_with([' ', '\t']);
            let here = Here { place: Place { file, line: line_number }, outer, depth, indented };
            if line.contains('\0') {
                // Theirs cuts the line here and glues the next one on. A NUL that is all of the last line does no harm.
                if !(behind.is_empty() && line.bytes().all(|byte| byte == 0)) {
                    self.complain(here, "a NUL byte");
                    bad += 1;
                }
            } else {
                let Counted(errors) = self.line(trimmed(line), here)?;
                bad += errors;
            }
            rest = behind;
        }
        if bad > 0 {
            self.error(format!("{name}: terminating, {bad} bad configuration options"));
            return Err(Stop { status: 255 });
        }
        Ok(())
    }

    fn content(&mut self, path: &Path, name: &str) -> Result<Vec<u8>, Stop> {
        let content = match self.at_most_what_is_left(path) {
            Ok(content) => content,
            Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => Vec::new(),
            Err(error) => {
                self.error(format!("{name}: {error}"));
                return Err(Stop { status: 1 });
            }
        };
        self.files_read += 1;
        self.bytes += content.len();
        if self.files_read > MOST_FILES || self.bytes > MOST_BYTES {
            self.error(format!("{name}: the configuration is too large"));
            return Err(Stop { status: 255 });
        }
        Ok(content)
    }

    /// The file, or as much of it as shows that it is too large (it may be a device that never ends).
    fn at_most_what_is_left(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let left = MOST_BYTES.saturating_sub(self.bytes) + 1;
        let mut content = Vec::new();
        std::fs::File::open(path)?.take(left as u64).read_to_end(&mut content)?;
        Ok(content)
    }

    fn file_index(&mut self, name: &str) -> u16 {
        let known = self.settings.files.iter().skip(1).position(|known| known == name).map(|place| place + 1);
        let place = known.unwrap_or_else(|| {
            self.settings.files.push(name.to_owned());
            self.settings.files.len() - 1
        });
        // There are at most MOST_FILES.
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    fn line(&mut self, line: &str, here: Here) -> Result<Counted, Stop> {
        let split_line = match split(line) {
            Ok(split_line) => split_line,
            Err(NoLine::Blank) => return Ok(Counted(0)),
            Err(NoLine::NoArgument(keyword)) => {
                self.complain(here, &format!("no argument after keyword \"{keyword}\""));
                return Ok(Counted(1));
            }
            Err(NoLine::Skipped(keyword)) => return Ok(self.skipped(line, &keyword, here)),
        };
        let meaning = meaning(&split_line.keyword, self.kind);
        if meaning.is_none() {
            self.unknown(&split_line.keyword, here);
        }
        let Ok(words) = words(split_line.raw) else {
            self.complain(here, "unbalanced quotes");
            return Ok(Counted(1));
        };
        if !self.acts_at_start && !meaning.is_some_and(allowed_in_match) {
            self.complain(here, &format!("\"{}\" is not allowed within a Match block", split_line.keyword));
            return Err(Stop { status: 255 });
        }
        let Some(meaning) = meaning else { return Ok(Counted(1)) };
        let mut arguments = Arguments::new(&words, split_line.raw);
        let result = self.understood(meaning, &mut arguments, here);
        let result = result.and_then(|()| match arguments.left_over() {
            Some(word) => Err(Complaint::counted(format!("extra argument \"{word}\"")).into()),
            None => Ok(()),
        });
        match result {
            Ok(()) => Ok(Counted(0)),
            Err(Trouble::Stop(stop)) => Err(stop),
            Err(Trouble::Line(complaint)) => self.judge(&split_line.keyword, complaint, here),
        }
    }

    fn judge(&mut self, keyword: &str, complaint: Complaint, here: Here) -> Result<Counted, Stop> {
        match complaint {
            Complaint::Counted(text) => {
                self.complain(here, &format!("{keyword}: {text}"));
                Ok(Counted(1))
            }
            Complaint::Fatal(text) => {
                self.complain(here, &format!("{keyword}: {text}"));
                Err(Stop { status: 255 })
            }
            Complaint::FatalAnywhere(text) => {
                let file = &self.settings.files[usize::from(here.place.file)];
                let text = format!("{file}:{}: {keyword}: {text}", here.place.line);
                self.error(text);
                Err(Stop { status: 255 })
            }
        }
    }

    fn understood(&mut self, meaning: Meaning, arguments: &mut Arguments<'_>, here: Here) -> Result<(), Trouble> {
        match meaning {
            Meaning::Keyword(keyword, _) => Ok(self.setting(keyword, arguments, here)?),
            Meaning::Withdrawn(withdrawn) => Ok(self.withdrawn(withdrawn, arguments, here)?),
            Meaning::Match => Ok(self.match_block(arguments, here)?),
            Meaning::Include => self.include(arguments, here),
        }
    }

    fn setting(
        &mut self,
        keyword: &'static Keyword,
        arguments: &mut Arguments<'_>,
        here: Here,
    ) -> Result<(), Complaint> {
        if keyword.id == Id::Port {
            if self.ports_from_command_line {
                arguments.rest();
                return Ok(());
            }
            if PortList::is_full(&self.ports) {
                return Err(Complaint::fatal("too many ports"));
            }
        }
        let value = arguments.clone().raw().to_owned();
        let setting = Setting::parse(keyword.id, arguments)?;
        if let Setting::HostKey(paths) = &setting {
            self.check_host_key(paths)?;
        }
        self.say(setting, here.place, Typed { value, indented: here.indented });
        Ok(())
    }

    /// Theirs takes `HostKey none` for an empty slot that removes the default keys and loads nothing. Behind a real
    /// host key it does no harm and is taken; alone it would leave the host without keys.
    fn check_host_key(&self, paths: &[FilePath]) -> Result<(), Complaint> {
        let is_real = |said: &Said| {
            said.place != COMMAND_LINE
                && matches!(&said.setting, Setting::HostKey(paths) if paths.iter().all(|path| !path.is_empty()))
        };
        if self.reading != Reading::AsTheirs
            && paths.iter().any(FilePath::is_empty)
            && !self.settings.said.iter().any(is_real)
        {
            return Err(Complaint::fatal("\"none\" is no key file; leave the line out to use the default keys"));
        }
        Ok(())
    }

    fn say(&mut self, setting: Setting, place: Place, typed: Typed) {
        self.typed.push(typed);
        if let Setting::Port(ports) = &setting {
            self.ports.extend(ports);
        }
        self.settings.said.push(Said { setting, place, block: self.block });
    }

    fn withdrawn(&mut self, withdrawn: &Withdrawn, arguments: &mut Arguments<'_>, here: Here) -> Result<(), Complaint> {
        arguments.rest();
        let notice = match withdrawn.why {
            Withdrawal::Deprecated => "Deprecated option",
            Withdrawal::Unsupported => "Unsupported option",
            Withdrawal::Ignored => return Ok(()),
            Withdrawal::OtherPlatform => return Err(Complaint::fatal("not supported on this platform")),
        };
        let mut text = format!("{}: {notice} {}", self.settings.name_of(here.place), withdrawn.name);
        if meaning(withdrawn.name, ItsFile::Companion).is_some() {
            text.push_str(" (it has its effect in bulkhead_config)");
        }
        self.messages.push(Message { severity: Severity::Notice, text });
        Ok(())
    }

    fn match_block(&mut self, arguments: &mut Arguments<'_>, here: Here) -> Result<(), Complaint> {
        if here.place == COMMAND_LINE {
            return Err(Complaint::FatalAnywhere("not possible on the command line".to_owned()));
        }
        let criteria = match_line::criteria(arguments)?;
        self.settings.blocks.push(Block { criteria, inside: here.outer, place: here.place });
        let block = u32::try_from(self.settings.blocks.len() - 1).map_err(|_| Complaint::fatal("too many blocks"))?;
        self.enter(Some(block));
        Ok(())
    }

    fn enter(&mut self, block: Option<u32>) {
        self.block = block;
        self.acts_at_start = block.is_none_or(|block| self.settings.holds_at_start(block));
    }

    fn include(&mut self, arguments: &mut Arguments<'_>, here: Here) -> Result<(), Trouble> {
        if here.place == COMMAND_LINE {
            return Err(Complaint::FatalAnywhere("not possible on the command line".to_owned()).into());
        }
        let patterns = arguments.rest();
        if patterns.is_empty() {
            return Err(Complaint::fatal("missing file name").into());
        }
        for pattern in patterns {
            if pattern.is_empty() {
                return Err(Complaint::counted("empty file name").into());
            }
            let files = included_files(pattern);
            if files.is_empty() {
                self.unmatched_includes.push((here.place, pattern.clone().into_owned()));
            }
            for file in files {
                self.included(&file, here)?;
            }
        }
        Ok(())
    }

    fn included(&mut self, file: &Path, here: Here) -> Result<(), Trouble> {
        if here.depth >= DEEPEST {
            return Err(Complaint::FatalAnywhere("too many nested levels".to_owned()).into());
        }
        let block = self.block;
        let result = self.file(file, block, here.depth + 1);
        self.enter(block);
        result.map_err(Trouble::Stop)
    }

    fn skipped(&mut self, line: &str, keyword: &str, here: Here) -> Counted {
        let known = meaning(keyword, self.kind).is_some() && !line.starts_with('=');
        match self.reading {
            Reading::AsTheirs => return Counted(0),
            Reading::ForDump if !known => return Counted(0),
            Reading::ForDump | Reading::Strict => {}
        }
        let why =
            if line.starts_with('=') { "two \"=\" before the keyword" } else { "an unclosed quote in the keyword" };
        self.complain(here, &format!("{why}: \"{keyword}\" would be ignored"));
        Counted(1)
    }

    fn unknown(&mut self, keyword: &str, here: Here) {
        let file = &self.settings.files[usize::from(here.place.file)];
        let mut text = format!("{file}: line {}: Bad configuration option: {keyword}", here.place.line);
        if let Some(whose) = patched_in_by(keyword) {
            text.push_str(&format!(" (only known to the sshd of {whose}; remove the line)"));
        } else {
            let (other, name) = match self.kind {
                ItsFile::SshdConfig => (ItsFile::Companion, "bulkhead_config"),
                ItsFile::Companion => (ItsFile::SshdConfig, "sshd_config"),
            };
            if meaning(keyword, other).is_some() {
                text.push_str(&format!(" (it belongs into {name})"));
            }
        }
        self.error(text);
    }

    fn complain(&mut self, here: Here, text: &str) {
        let place = self.settings.name_of(here.place);
        self.error(format!("{place}: {text}"));
    }
}

/// What theirs makes of NUL bytes: each cuts its line, and the next line is glued on.
fn glue_lines_at_nul(content: &mut Vec<u8>) {
    let mut cut = false;
    content.retain(|&byte| {
        let kept = !cut && byte != 0;
        cut = (cut || byte == 0) && byte != b'\n';
        kept
    });
}

/// How many errors a line counted.
struct Counted(usize);

const COMMAND_LINE: Place = Place { file: 0, line: 0 };

/// What keeps a line from being taken: itself, or a file that it includes.
enum Trouble {
    Line(Complaint),
    Stop(Stop),
}

impl From<Complaint> for Trouble {
    fn from(complaint: Complaint) -> Self {
        Self::Line(complaint)
    }
}

fn allowed_in_match(meaning: Meaning) -> bool {
    match meaning {
        Meaning::Keyword(_, global_only) => !global_only,
        Meaning::Withdrawn(withdrawn) => withdrawn.in_match,
        Meaning::Include | Meaning::Match => true,
    }
}

/// Relative patterns are looked up in the configuration directory. One with a tilde is used as written, which finds
/// nothing in practice: as theirs.
fn included_files(pattern: &str) -> Vec<PathBuf> {
    if pattern.starts_with(['/', '~']) {
        return matching_files(&to_bytes(pattern));
    }
    matching_files(&to_bytes(&settings::paths::in_sysconfdir(pattern)))
}

/// Which distribution patches a keyword in that OpenSSH itself does not know.
fn patched_in_by(keyword: &str) -> Option<&'static str> {
    const DEBIAN: &str = "Debian and Ubuntu";
    const RED_HAT: &str = "Fedora and Red Hat";
    const BOTH: &str = "Debian and Red Hat";
    const PATCHED_IN: [(&str, &str); 9] = [
        ("DebianBanner", DEBIAN),
        ("GSSAPIKeyExchange", BOTH),
        ("GSSAPIStoreCredentialsOnRekey", BOTH),
        ("GSSAPIKexAlgorithms", BOTH),
        ("GSSAPIEnablek5users", RED_HAT),
        ("GSSAPIIndicators", RED_HAT),
        ("KerberosUseKuserok", RED_HAT),
        ("KerberosUniqueCCache", RED_HAT),
        ("RSAMinSize", RED_HAT),
    ];
    PATCHED_IN.iter().find(|(name, _)| name.eq_ignore_ascii_case(keyword)).map(|(_, whose)| *whose)
}

#[cfg(test)]
mod tests {
    use settings::Effective;

    use super::*;

    fn read(text: &str) -> Result<(Effective, Vec<Message>), (u8, Vec<Message>)> {
        let file = std::env::temp_dir().join(format!("bulkhead-reader-{:?}", std::thread::current().id()));
        std::fs::write(&file, text).unwrap();
        let mut reader = Reader::new(Reading::Strict);
        let result = reader.main_file(&file);
        std::fs::remove_file(&file).unwrap();
        match result {
            Ok(()) => Ok((reader.settings.global(), reader.messages)),
            Err(Stop { status }) => Err((status, reader.messages)),
        }
    }

    fn errors(text: &str) -> Vec<Message> {
        read(text).unwrap_err().1
    }

    #[test]
    fn counted_errors_are_all_reported() {
        let messages = errors("Bogus 1\nPort 22 23\nMaxSessions\n");
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert!(messages[0].text.contains(": line 1: "));
        assert!(messages[2].text.contains(" line 3: "));
    }

    #[test]
    fn fatal_errors_end_the_reading() {
        assert_eq!(errors("Port 0\nBogus 1\n").len(), 1);
    }

    #[test]
    fn lines_that_theirs_drops_silently_are_errors() {
        for text in
            ["\"PermitRootLogin no\n", "==PermitRootLogin no\n", "Po\"rt 22\n", "Port 5\0\nBanner /x\n", "Bogus\" 1\n"]
        {
            let (status, messages) = read(text).unwrap_err();
            assert_eq!(status, 255, "{text:?}");
            assert!(messages[0].text.contains(" line 1: "), "{messages:?}");
        }
    }

    #[test]
    fn what_never_ends_is_too_large() {
        assert!(errors("Include /dev/zero\n")[0].text.contains("too large"));
    }

    #[test]
    fn a_host_without_keys_is_not_what_anybody_wants() {
        assert!(errors("HostKey none\n")[0].text.contains(" line 1: "));
        assert!(read("HostKey /a\nHostKey none\n").is_ok());
    }

    #[test]
    fn global_keywords_are_refused_in_blocks_that_do_not_act_from_the_start() {
        assert_eq!(errors("Match User x\n Port 5\n").len(), 1);
        assert_eq!(read("Match all\n Port 5\n").unwrap().0.port, [5]);
    }

    #[test]
    fn distributions_keywords_are_errors_that_say_whose_they_are() {
        assert!(errors("DebianBanner no\n")[0].text.contains("Debian"));
    }
}
