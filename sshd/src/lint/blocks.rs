//! Lines at the end of a file that look global and stand in the last Match block.

use settings::keywords::{Id, Keyword};
use settings::pattern::matches_pattern_list;
use settings::{Criterion, Place};

use super::Lint;

/// In a block whose lines are indented, a line that is not was meant for everybody: tools and people append such
/// lines to the file, and they act on the last block's connections alone.
pub(super) fn look(lint: &mut Lint<'_>) {
    not_indented(lint);
    not_for_root(lint);
}

fn not_indented(lint: &mut Lint<'_>) {
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

/// PermitRootLogin in a block that root's logins never reach.
fn not_for_root(lint: &mut Lint<'_>) {
    let settings = &lint.loaded.settings;
    for (said, _) in lint.lines(Id::PermitRootLogin) {
        let Some(block) = said.block.and_then(|block| settings.blocks.get(block as usize)) else { continue };
        let is_not_root = |criterion: &Criterion| matches!(criterion, Criterion::User(list) if !matches_pattern_list("root", list).is_hit());
        if block.criteria.iter().any(is_not_root) {
            warn(lint, "PermitRootLogin", said.place, block.place);
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
