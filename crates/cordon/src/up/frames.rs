//! What sensors and hub say to each other, and how it crosses a pipe when they are two processes.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    ops::ControlFlow,
};

use cordon_model::{Cursor, Sensed};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Largest frame, in bytes: a fact is at most 64 KiB, and dpkg's cursor a few hundred KiB.
const MAX_FRAME_BYTES: u32 = 16 << 20;

/// From the sensors to the hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Word {
    /// Something was seen; where to go on from, if that is a new place.
    Sensed {
        /// What.
        sensed: Sensed,
        /// The sensor's name and its new place.
        cursor: Option<(String, Cursor)>,
    },
    /// Facts that belong together: judged, and made durable with their places, all or none.
    Together {
        /// What.
        sensed: Vec<Sensed>,
        /// New places, by sensor.
        cursors: BTreeMap<String, Cursor>,
    },
    /// Everything that was there at the start has been looked at once.
    LookedAtAll,
}

/// Who takes words.
pub(super) type Send<'s> = &'s mut dyn FnMut(Word) -> ControlFlow<()>;

/// From the hub to the sensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Begin, each from its place.
    Begin {
        /// By sensor.
        cursors: BTreeMap<String, Cursor>,
        /// Where the console listens, for the person at the terminal.
        url: String,
    },
    /// These places are durable: what lies before them is not needed any more.
    Durable {
        /// By sensor; only those that keep something until then.
        cursors: BTreeMap<String, Cursor>,
    },
}

/// Writes one frame: its length, then its content.
pub fn write<T: Serialize>(to: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(value).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|length| *length <= MAX_FRAME_BYTES); // ok: because the next line says so
    let length =
        length.ok_or_else(|| io::Error::other("a frame is larger than MAX_FRAME_BYTES"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads one frame; none when the other side has ended between two.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::other("a frame is larger than MAX_FRAME_BYTES"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes)
        .map(Some)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use cordon_model::Fact;

    use super::*;

    #[test]
    fn frames_round_trip_and_a_bad_one_is_an_error() {
        let sensed = Sensed {
            host: "h".into(),
            said: None,
            fact: Fact::Tick,
        };
        let cursor = ("mail.log".to_owned(), Cursor(vec![1, 2]));
        let together = Word::Together {
            sensed: vec![sensed.clone(), sensed.clone()],
            cursors: BTreeMap::from([cursor.clone()]),
        };
        let cursor = Some(cursor);
        let words = [Word::Sensed { sensed, cursor }, together, Word::LookedAtAll];
        let mut pipe = Vec::new();
        for word in &words {
            write(&mut pipe, word).unwrap();
        }
        let mut from = pipe.as_slice();
        for word in &words {
            assert_eq!(read::<Word>(&mut from).unwrap().as_ref(), Some(word));
        }
        assert_eq!(read::<Word>(&mut from).unwrap(), None);
        assert!(read::<Word>(&mut &pipe[..pipe.len() - 1][4..]).is_err());
        assert!(read::<Word>(&mut [255, 255, 255, 255, 0].as_slice()).is_err());
    }
}
