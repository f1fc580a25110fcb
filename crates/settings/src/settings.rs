//! Everything that was said, with its places; and what of it holds for one connection.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::criteria::{Answer, Criterion, MatchFacts};
use crate::keywords::{Effective, Id, Layer, Setting};
use crate::preauth::PreauthSettings;
use crate::session::SessionSettings;

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index into [`Settings::files`].
    pub file: u16,
    /// Line, from 1; 0 on the command line.
    pub line: u32,
}

/// One line, understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// What it says.
    pub setting: Setting,
    /// Where.
    pub place: Place,
    /// The Match block it stands in (index into [`Settings::blocks`]).
    pub block: Option<u32>,
}

/// One Match line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// All of them must hold.
    pub criteria: Vec<Criterion>,
    /// The block around the Include line of the file that this one stands in; it must hold too.
    pub inside: Option<u32>,
    /// Where.
    pub place: Place,
}

/// A configuration as read, for all connections. It travels to every monitor as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Names of the files, in the order in which they were first read. The first one is the command line.
    pub files: Vec<String>,
    /// Match blocks in reading order.
    pub blocks: Vec<Block>,
    /// Lines in reading order.
    pub said: Vec<Said>,
    /// What ListenAddress, Port and AddressFamily come to.
    pub listen_sockets: Vec<SocketAddr>,
}

impl Settings {
    /// What holds before anything is known of a connection (and for the listener itself).
    pub fn global(&self) -> Effective {
        self.finished(self.global_layer())
    }

    /// What holds for one connection.
    pub fn resolve(&self, facts: &MatchFacts) -> Effective {
        self.finished(self.matched_layer(facts).over(&self.global_layer()))
    }

    /// Which keywords matching blocks spoke about.
    pub fn said_by_blocks(&self, facts: &MatchFacts) -> impl Fn(Id) -> bool + use<> {
        let matched = self.matched_layer(facts);
        move |id| matched.has(id)
    }

    /// What holds for connections that match one block (and the blocks around it) and no other.
    pub fn with_block(&self, block: u32) -> Effective {
        self.finished(
            self.layer(|said| said.block == Some(block) && said.setting.may_stand_in_match())
                .over(&self.global_layer()),
        )
    }

    /// What holds for every connection that a block holds for (or every one at all), as far as the words of the Match
    /// lines tell: the global part, and the blocks whose criteria are all among those of this block.
    pub fn certain_with(&self, block: Option<u32>) -> Effective {
        let of_block: Vec<&Criterion> =
            block.iter().flat_map(|block| self.chain(*block)).flat_map(|block| &block.criteria).collect();
        let is_certain = |other: u32| {
            let mut criteria = self.chain(other).flat_map(|block| &block.criteria);
            criteria.all(|criterion| criterion.holds_at_start() || of_block.contains(&criterion))
        };
        self.finished(
            self.layer(|said| said.block.is_some_and(is_certain) && said.setting.may_stand_in_match())
                .over(&self.global_layer()),
        )
    }

    /// Lines of the global part, and of blocks that act from the start.
    pub fn global_layer(&self) -> Layer {
        let holding = self.holding(Criterion::holds_at_start);
        self.layer(|said| said.block.is_none_or(|block| holding.get(block as usize) == Some(&true)))
    }

    /// Whether a block acts from the start, before any connection.
    pub fn holds_at_start(&self, block: u32) -> bool {
        self.chain(block).all(|block| block.criteria.iter().all(Criterion::holds_at_start))
    }

    /// Whether a block and all around it hold for a connection.
    pub fn holds(&self, block: u32, facts: &MatchFacts) -> bool {
        self.chain(block).all(|block| block.criteria.iter().all(|criterion| criterion.answer(facts) == Answer::Matched))
    }

    /// For each Match block whether it holds for a connection, and why not.
    pub fn matching_in_words(&self, facts: &MatchFacts) -> Vec<(bool, String)> {
        let holding = self.holding(|criterion| criterion.answer(facts) == Answer::Matched);
        let blocks = self.blocks.iter().zip(holding);
        let sentence = |(block, holds): (&Block, bool)| {
            let written: Vec<String> = block.criteria.iter().map(Criterion::written).collect();
            let failed = block.criteria.iter().find(|criterion| criterion.answer(facts) != Answer::Matched);
            let outcome = match failed {
                _ if holds => "matches".to_owned(),
                Some(criterion) => format!("does not match: {}", criterion.written()),
                None => "does not match: the block around it does not".to_owned(),
            };
            (holds, format!("{}: Match {} {outcome}", self.name_of(block.place), written.join(" ")))
        };
        blocks.map(sentence).collect()
    }

    /// The name of a place: `FILE line N`.
    pub fn name_of(&self, place: Place) -> String {
        let file = self.files.get(usize::from(place.file)).map_or("?", String::as_str);
        format!("{file} line {}", place.line)
    }

    /// Lines of blocks that hold for a connection. What only the global part may say has acted already.
    pub fn matched_layer(&self, facts: &MatchFacts) -> Layer {
        let holding = self.holding(|criterion| criterion.answer(facts) == Answer::Matched);
        self.layer(|said| {
            said.block.is_some_and(|block| holding.get(block as usize) == Some(&true))
                && said.setting.may_stand_in_match()
        })
    }

    /// For each block, whether all its criteria hold, and those of the blocks around it (which come first).
    fn holding(&self, holds: impl Fn(&Criterion) -> bool) -> Vec<bool> {
        let mut holding: Vec<bool> = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let around = block.inside.is_none_or(|outer| holding.get(outer as usize) == Some(&true));
            holding.push(around && block.criteria.iter().all(&holds));
        }
        holding
    }

    fn layer(&self, speaks: impl Fn(&Said) -> bool) -> Layer {
        let mut layer = Layer::default();
        for said in self.said.iter().filter(|said| speaks(said)) {
            layer.take(&said.setting);
        }
        layer
    }

    /// A block and the blocks around it.
    fn chain(&self, block: u32) -> impl Iterator<Item = &Block> {
        let at = |block: u32| self.blocks.get(block as usize);
        std::iter::successors(at(block), move |block| at(block.inside?))
    }

    fn finished(&self, layer: Layer) -> Effective {
        Effective { listen_sockets: self.listen_sockets.clone(), ..layer.effective() }
    }
}

impl Effective {
    /// What the process before login may know.
    pub fn for_preauth(&self) -> PreauthSettings {
        PreauthSettings::of(self)
    }

    /// What the process after login may know.
    pub fn for_session(&self) -> SessionSettings {
        SessionSettings::of(self)
    }
}
