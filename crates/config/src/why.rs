//! `-T --why`: for each value who set it, who lost and why; for each Match block what its criteria came to.

use settings::criteria::Answer;
use settings::keywords::{Id, Keyword, Layer};
use settings::kind::Repeat;
use settings::text::to_bytes;
use settings::{MatchFacts, Place, Settings};

/// What became of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its value, or part of it, holds.
    Used,
    /// The line at this place said it first (or, for keywords where the last one wins, last).
    Lost(Place),
    /// A matching block (the line at this place) replaces it.
    Replaced(Place),
    /// Its block does not match.
    NotMatched,
}

/// One line and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The keyword it speaks about.
    pub keyword: Id,
    /// Where it stands.
    pub place: Place,
    /// The block it stands in.
    pub block: Option<u32>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of every line, in reading order, for one connection.
pub fn origins(settings: &Settings, facts: &MatchFacts) -> Vec<Origin> {
    let (mut global, mut matched) = (Layer::default(), Layer::default());
    let mut origins: Vec<Origin> = Vec::with_capacity(settings.said.len());
    for said in &settings.said {
        let keyword = said.setting.id();
        let in_matching_block =
            said.setting.may_stand_in_match() && said.block.is_some_and(|block| settings.holds(block, facts));
        let layer = match said.block {
            None => Some(&mut global),
            Some(_) if in_matching_block => Some(&mut matched),
            Some(block) if settings.holds_at_start(block) => Some(&mut global),
            Some(_) => None,
        };
        let outcome = match layer.map(|layer| layer.take(&said.setting)) {
            None => Outcome::NotMatched,
            Some(true) => Outcome::Used,
            Some(false) => Outcome::Lost(first_used(&origins, keyword, in_matching_block).unwrap_or(said.place)),
        };
        if outcome == Outcome::Used && Keyword::of(keyword).repeat == Repeat::LastWins {
            lose_to_the_last(&mut origins, keyword, said.place);
        }
        origins.push(Origin { keyword, place: said.place, block: said.block, outcome });
    }
    replace_by_blocks(&mut origins, settings, facts);
    origins
}

fn first_used(origins: &[Origin], keyword: Id, in_block: bool) -> Option<Place> {
    origins
        .iter()
        .find(|origin| {
            origin.keyword == keyword && origin.outcome == Outcome::Used && origin.block.is_some() == in_block
        })
        .or_else(|| origins.iter().find(|origin| origin.keyword == keyword && origin.outcome == Outcome::Used))
        .map(|origin| origin.place)
}

fn lose_to_the_last(origins: &mut [Origin], keyword: Id, last: Place) {
    for origin in origins.iter_mut().filter(|origin| origin.keyword == keyword && origin.outcome == Outcome::Used) {
        origin.outcome = Outcome::Lost(last);
    }
}

/// Global lines that a matching block overrides, except where values are merged part by part.
fn replace_by_blocks(origins: &mut [Origin], settings: &Settings, facts: &MatchFacts) {
    let speaks = settings.said_by_blocks(facts);
    for place in 0..origins.len() {
        let origin = origins[place];
        let merged = Keyword::of(origin.keyword).repeat == Repeat::FirstWinsByPart;
        if origin.block.is_some() || origin.outcome != Outcome::Used || merged || !speaks(origin.keyword) {
            continue;
        }
        let by = origins
            .iter()
            .find(|other| other.keyword == origin.keyword && other.block.is_some() && other.outcome == Outcome::Used);
        if let Some(by) = by.map(|by| by.place) {
            origins[place].outcome = Outcome::Replaced(by);
        }
    }
}

/// The report of `-T --why` for the keywords `wanted` (all if empty).
pub fn why(settings: &Settings, facts: &MatchFacts, wanted: &[Id]) -> Vec<u8> {
    let origins = origins(settings, facts);
    let mut text = String::new();
    for (keyword, values) in settings.resolve(facts).show(settings.said_by_blocks(facts)) {
        if !wanted.is_empty() && !wanted.contains(&keyword.id) {
            continue;
        }
        let about: Vec<&Origin> = origins.iter().filter(|origin| origin.keyword == keyword.id).collect();
        if values.is_empty() {
            text.push_str(&format!("{} (nothing)\n", keyword.name));
        }
        for value in &values {
            text.push_str(&format!("{} {value}\n", keyword.name));
        }
        if !about.iter().any(|origin| origin.outcome == Outcome::Used) {
            text.push_str("    default\n");
        }
        about.iter().for_each(|origin| text.push_str(&format!("    {}\n", sentence(settings, facts, origin))));
    }
    blocks(settings, facts, &mut text);
    to_bytes(&text).into_owned()
}

fn sentence(settings: &Settings, facts: &MatchFacts, origin: &Origin) -> String {
    let place = settings.name_of(origin.place);
    let block = origin.block.and_then(|block| settings.blocks.get(block as usize));
    match origin.outcome {
        Outcome::Used => match block {
            None => format!("set by {place}"),
            Some(block) => format!("set by {place}, in the Match block of line {}", block.place.line),
        },
        Outcome::Lost(first) => format!("no effect: {place} (set by {})", settings.name_of(first)),
        Outcome::Replaced(by) => format!("replaced: {place} (by the Match block's line {})", settings.name_of(by)),
        Outcome::NotMatched => {
            let not_given = origin.block.is_some_and(|block| undecided(settings, facts, block).is_some());
            let why = if not_given { "undecided, see below" } else { "its Match block does not match" };
            format!("not used: {place} ({why})")
        }
    }
}

/// What each block's criteria came to, and what `-C` would have had to give.
fn blocks(settings: &Settings, facts: &MatchFacts, text: &mut String) {
    for (number, block) in (0_u32..).zip(&settings.blocks) {
        let verdict = match (settings.holds(number, facts), undecided(settings, facts, number)) {
            (true, _) => "matched".to_owned(),
            (false, Some(keys)) => {
                let keys: Vec<String> = keys.iter().map(|key| format!("{key}=")).collect();
                format!("NOT DECIDED: give {} with -C; taken as not matching", keys.join(", "))
            }
            (false, None) => "did not match".to_owned(),
        };
        text.push_str(&format!("Match block at {}: {verdict}\n", settings.name_of(block.place)));
        for criterion in &block.criteria {
            let answer = match criterion.answer(facts) {
                Answer::Matched => "matched",
                Answer::DidNotMatch => "did not match",
                Answer::NotGiven => "was not given",
            };
            text.push_str(&format!("    {}: {answer}\n", criterion.written()));
        }
        if let Some(outer) = block.inside.and_then(|outer| settings.blocks.get(outer as usize)) {
            text.push_str(&format!("    and the block around the Include, at {}\n", settings.name_of(outer.place)));
        }
    }
}

/// The `-C` keys whose absence alone keeps a block from matching or not.
fn undecided(settings: &Settings, facts: &MatchFacts, block: u32) -> Option<Vec<&'static str>> {
    let mut missing = Vec::new();
    let mut next = Some(block);
    while let Some(block) = next.and_then(|block| settings.blocks.get(block as usize)) {
        for criterion in &block.criteria {
            match criterion.answer(facts) {
                Answer::DidNotMatch => return None,
                Answer::NotGiven => missing.extend(criterion.test_key().filter(|key| !missing.contains(key))),
                Answer::Matched => {}
            }
        }
        next = block.inside;
    }
    (!missing.is_empty()).then_some(missing)
}
