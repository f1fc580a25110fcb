//! Reading a whole configuration: command line, then the file and what it includes, then what only the whole can tell.

use std::path::PathBuf;

use settings::{Place, Setting, Settings};

use crate::listen::listen_sockets;
use crate::messages::{LoadFailure, Message};
use crate::reader::{Reader, Stop};
use crate::whole;

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// Settings that options of the command line stand for (`-4`, `-g`, `-h` …); they come before everything else.
    pub first: Vec<Setting>,
    /// `-o` and `-p`, in their order.
    pub overrides: Vec<Override>,
    /// The file; nothing means that no file is read (`-f none`).
    pub file: Option<PathBuf>,
    /// The companion file, if there may be one; it need not exist.
    pub companion: Option<PathBuf>,
    /// How strictly.
    pub reading: Reading,
}

/// How strictly a configuration is read, where theirs drops lines or parts of them without a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Such lines are errors.
    #[default]
    Strict,
    /// For `-G`, which shows what a file comes to: lines that could not mean anything do nothing.
    ForDump,
    /// For `--as-openssh`: whatever theirs accepts is accepted.
    AsTheirs,
}

/// An option of the command line that acts like a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// `-o LINE`
    Line(String),
    /// `-p PORT`: the Port lines that come later are not even looked at.
    Port(u16),
}

/// A configuration that was read without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub settings: Settings,
    /// Notices.
    pub messages: Vec<Message>,
    /// Bytes of all files.
    pub bytes: usize,
    /// Include patterns that no file matches.
    pub unmatched_includes: Vec<(Place, String)>,
    /// For each line of `settings.said`, how it was typed.
    pub typed: Vec<Typed>,
}

/// How a line was typed: for warnings alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// What follows the keyword, quotes and comments included.
    pub value: String,
    /// Whether blanks stand before the keyword.
    pub indented: bool,
}

/// Reads a configuration.
pub fn load(request: &LoadRequest) -> Result<Loaded, LoadFailure> {
    let mut reader = Reader::new(request.reading);
    match read(&mut reader, request) {
        Ok(()) => Ok(reader.loaded()),
        Err(Stop { status }) => Err(LoadFailure { messages: reader.messages, status }),
    }
}

fn read(reader: &mut Reader, request: &LoadRequest) -> Result<(), Stop> {
    for setting in &request.first {
        reader.say_first(setting.clone());
    }
    for said in &request.overrides {
        match said {
            Override::Line(line) => reader.command_line(line)?,
            Override::Port(port) => reader.port(*port),
        }
    }
    if let Some(file) = &request.file {
        reader.main_file(file)?;
    }
    if let Some(companion) = request.companion.as_deref().filter(|companion| companion.exists()) {
        reader.companion_file(companion)?;
    }
    let layer = reader.settings.global_layer();
    whole::check(&layer, &mut reader.messages)?;
    reader.settings.listen_sockets = listen_sockets(&layer.effective()).map_err(|text| {
        reader.error(text);
        Stop { status: 255 }
    })?;
    Ok(())
}
