//! A bomb costs what the budget says and ends as *cannot inspect*. All are built here.

use std::io::Write;

use filetype::{Budget, Limit, Limits, Part, Reason, inspect};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder},
};

/// The first limit that was reached, and what was spent.
fn limit(name: &str, bytes: &[u8]) -> (Part, Option<Limit>, Budget) {
    let mut budget = Budget::new(Limits::default());
    let part = inspect(name, bytes, &mut budget);
    let limit = part
        .closed_parts()
        .find_map(|closed| match closed.part().cannot_inspect {
            Some(Reason::Limit(limit)) => Some(limit),
            _ => None,
        });
    (part, limit, budget)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut to = GzEncoder::new(Vec::new(), Compression::best());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

/// A zip of these, each deflated; `times` central entries point at each local one.
fn zip(files: &[(&str, &[u8])], times: usize) -> Vec<u8> {
    let (mut out, mut central, mut count) = (Vec::new(), Vec::new(), 0_u16);
    for (name, content) in files {
        let mut to = DeflateEncoder::new(Vec::new(), Compression::best());
        to.write_all(content).unwrap();
        let packed = to.finish().unwrap();
        let at = u32::try_from(out.len()).unwrap();
        let mut shared = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [packed.len(), content.len()] {
            shared.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        shared.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        shared.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&shared);
        out.extend(name.as_bytes());
        out.extend(packed);
        for _ in 0..times {
            central.extend(b"PK\x01\x02\x14\x00");
            central.extend(&shared);
            central.extend([0; 10]);
            central.extend(at.to_le_bytes());
            central.extend(name.as_bytes());
            count += 1;
        }
    }
    let at = u32::try_from(out.len()).unwrap();
    out.extend(&central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(u32::try_from(central.len()).unwrap().to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

#[test]
fn zeros_without_end_reach_the_ratio() {
    let zeros = vec![0; 64 << 20];
    let (_, reached, budget) = limit("a.gz", &gzip(&zeros));
    assert_eq!(reached, Some(Limit::Ratio));
    assert!(
        budget.bytes_out() <= Limits::default().ratio_free_bytes.max(200 * 70_000) + (64 << 10)
    );
}

#[test]
fn ten_gigabytes_of_zeros_in_bzip2_reach_the_ratio() {
    // One block of 45,899,235 zeros is forty-odd bytes, and streams follow each other.
    let (_, reached, budget) = limit("a.bz2", &zeros_in_bzip2().repeat(224));
    assert_eq!(reached, Some(Limit::Ratio));
    assert!(budget.bytes_out() < 64 << 20);
}

/// 45,899,235 zeros as bzip2 -9 writes them: the known block of this length, in bits.
fn zeros_in_bzip2() -> Vec<u8> {
    let hex = BZIP2_ZEROS.as_bytes().chunks(2);
    hex.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// `head -c 45899235 /dev/zero | bzip2 -9 | xxd -p`.
const BZIP2_ZEROS: &str =
    "425a68393141592653590e09e2df015f8e4000c0000008200030804d4642a025a90a80971772453850900e09e2df";

#[test]
fn nesting_reaches_the_depth() {
    let mut inner = b"the end".to_vec();
    for _ in 0..40 {
        inner = gzip(&inner);
    }
    assert_eq!(limit("a.gz", &inner).1, Some(Limit::Depth));
}

#[test]
fn a_tree_of_zips_reaches_a_limit_and_not_the_memory() {
    let zeros = vec![0; 1 << 20];
    let mut inner = zip(&[("zeros", &zeros)], 1);
    let names = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
    ];
    for _ in 0..5 {
        let files: Vec<(&str, &[u8])> =
            names.iter().map(|name| (*name, inner.as_slice())).collect();
        inner = zip(&files, 1);
    }
    let (_, reached, budget) = limit("42.zip", &inner);
    assert_eq!(reached, Some(Limit::Ratio));
    assert!(budget.bytes_out() < 128 << 20, "{}", budget.bytes_out());
}

#[test]
fn entries_that_share_their_bytes_are_called_overlapping() {
    let (part, _, budget) = limit("a.zip", &zip(&[("a", &vec![0; 100_000])], 1000));
    assert!(part.odd.contains(&"entries that overlap"), "{:?}", part.odd);
    assert!(matches!(part.cannot_inspect, Some(Reason::Damaged(_))));
    assert!(budget.bytes_out() < 1 << 20);
}

#[test]
fn many_parts_reach_the_entries() {
    let mut tar = Vec::new();
    let mut header = vec![0; 512];
    header[0] = b'a';
    header[124..136].copy_from_slice(b"00000000000\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    for _ in 0..100_000 {
        tar.extend_from_slice(&header);
    }
    assert_eq!(limit("a.tar", &tar).1, Some(Limit::Entries));
}

#[test]
fn starts_of_programs_in_a_row_cost_no_square() {
    let mut program = vec![0; 64];
    program[..2].copy_from_slice(b"MZ");
    program[0x3c] = 64;
    program.extend(b"PE\0\0");
    program.resize(128, 0);
    let (part, _, budget) = limit(
        "a.bin",
        &[b"\x01".as_slice(), &program.repeat(40_000)].concat(),
    );
    assert!(part.closed_parts().next().is_some());
    assert!(part.executables().next().is_some());
    assert!(budget.steps() <= 1 << 20);
}
