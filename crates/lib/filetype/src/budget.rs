//! One budget for a whole message. A limit for each file lets ten thousand small bombs through, so depth,
//! entries, bytes, ratio and work are counted together, and who reaches one is *cannot inspect*.

use std::fmt;

/// What may be spent on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Containers within containers.
    pub depth: u32,
    /// Parts of all containers together.
    pub entries: u32,
    /// Bytes that come out of all containers together.
    pub bytes_out: u64,
    /// Bytes out for each byte of the message, once [`Limits::ratio_free_bytes`] are out.
    pub ratio: u64,
    /// Bytes out that no ratio is asked of.
    pub ratio_free_bytes: u64,
    /// Work, in units of [`STEP_BYTES`] bytes read, written or searched.
    pub steps: u64,
}

/// The bytes of one step.
pub const STEP_BYTES: u64 = 1024;

impl Default for Limits {
    /// Depth 12, 20,000 entries, 512 MB, 200:1 after 8 MB, 4 GB of work.
    fn default() -> Self {
        Self {
            depth: 12,
            entries: 20_000,
            bytes_out: 512 << 20,
            ratio: 200,
            ratio_free_bytes: 8 << 20,
            steps: 4 << 20,
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::depth`].
    Depth,
    /// [`Limits::entries`].
    Entries,
    /// [`Limits::bytes_out`].
    BytesOut,
    /// [`Limits::ratio`].
    Ratio,
    /// [`Limits::steps`].
    Steps,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "the limit of nesting",
            Self::Entries => "the limit of parts",
            Self::BytesOut => "the limit of unpacked bytes",
            Self::Ratio => "the limit of the ratio unpacked to packed",
            Self::Steps => "the limit of work",
        })
    }
}

/// What is spent so far. One for a message: give the same one to every [`inspect`](crate::inspect) of its parts.
#[derive(Debug, Clone, Default)]
pub struct Budget {
    limits: Limits,
    entries: u32,
    bytes_in: u64,
    bytes_out: u64,
    steps: u64,
}

impl Budget {
    /// Nothing is spent.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Bytes that came out of containers.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Parts seen.
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// Steps of work done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn came_in(&mut self, bytes: usize) {
        self.bytes_in = self.bytes_in.saturating_add(bytes as u64);
    }

    pub(crate) fn enter(&mut self, depth: u32) -> Result<(), Limit> {
        if depth > self.limits.depth {
            return Err(Limit::Depth);
        }
        if self.entries >= self.limits.entries {
            return Err(Limit::Entries);
        }
        self.entries += 1;
        Ok(())
    }

    pub(crate) fn work(&mut self, bytes: usize) -> Result<(), Limit> {
        self.steps = self.steps.saturating_add(bytes as u64 / STEP_BYTES + 1);
        if self.steps > self.limits.steps {
            return Err(Limit::Steps);
        }
        Ok(())
    }

    pub(crate) fn out(&mut self, bytes: usize) -> Result<(), Limit> {
        self.work(bytes)?;
        self.bytes_out = self.bytes_out.saturating_add(bytes as u64);
        if self.bytes_out > self.limits.bytes_out {
            return Err(Limit::BytesOut);
        }
        let fair = self.bytes_in.saturating_mul(self.limits.ratio);
        if self.bytes_out > self.limits.ratio_free_bytes.max(fair) {
            return Err(Limit::Ratio);
        }
        Ok(())
    }
}
