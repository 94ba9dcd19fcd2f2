//! Blocks that are given one after the other.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::engine::stream::Blocks;
use crate::source::{Buffer, ReadError};

pub(super) struct FakeBlocks {
    name: usize,
    blocks: VecDeque<Vec<u8>>,
    /// The names of all logs in the order in which they were read.
    order: Rc<RefCell<Vec<usize>>>,
}

impl FakeBlocks {
    pub(super) fn new(name: usize, blocks: Vec<String>, order: Rc<RefCell<Vec<usize>>>) -> Self {
        Self { name, blocks: blocks.into_iter().map(String::into_bytes).collect(), order }
    }
}

impl Blocks for FakeBlocks {
    fn next(&mut self, buffer: &mut Buffer) -> Result<bool, ReadError> {
        self.order.borrow_mut().push(self.name);
        let Some(block) = self.blocks.pop_front() else { return Ok(false) };
        buffer.put(block);
        Ok(true)
    }

    fn give_back(&mut self, buffer: &Buffer) {
        self.blocks.push_front(buffer.lines().to_vec());
    }

    fn ends_for_good(&self) -> bool {
        true
    }
}
