//! Lines at the end of a file that look global and stand in the last Match block.

use settings::Place;
use settings::keywords::Keyword;

use super::Lint;

/// In a block whose lines are indented, a line that is not was meant for everybody: tools and people append such
/// lines to the file, and they act on the last block's connections alone.
pub(super) fn look(lint: &mut Lint<'_>) {
    let settings = &lint.loaded.settings;
    let mut indented_block = None;
    for (said, typed) in settings.said.iter().zip(&lint.loaded.typed) {
        let Some(block) =
            said.block.and_then(|number| settings.blocks.get(number as usize).map(|block| (number, block)))
        else {
            continue;
        };
        let (number, block) = block;
        let same_file = block.place.file == said.place.file;
        if typed.indented {
            indented_block = Some(number);
        } else if same_file && indented_block == Some(number) && !settings.holds_at_start(number) {
            warn(lint, Keyword::of(said.setting.id()).name, said.place, block.place);
        }
    }
}

fn warn(lint: &mut Lint<'_>, keyword: &str, place: Place, block: Place) {
    lint.warn(
        place,
        format!(
            "{keyword} looks global, but stands in the Match block of line {} and acts on its connections alone; put it \
             before that line, or behind a line \"Match all\"",
            block.line
        ),
    );
}
