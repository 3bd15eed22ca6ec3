//! Small databases built by hand, so that tests can damage them byte by byte.

/// A header blob with the nine tags that decide.
pub(crate) fn header(name: &str, epoch: Option<u32>, version: &str, release: &str) -> Vec<u8> {
    padded(name, (epoch, version, release), 0)
}

/// The same with a description that makes it at least `size` bytes long.
fn padded(name: &str, evr: (Option<u32>, &str, &str), size: usize) -> Vec<u8> {
    let (epoch, version, release) = evr;
    let mut index = Vec::new();
    let mut data = Vec::new();
    let mut count = 0_u32;
    let mut entry = |tag: u32, kind: u32, bytes: &[u8], data: &mut Vec<u8>| {
        while kind == 4 && !data.len().is_multiple_of(4) {
            data.push(0);
        }
        for word in [tag, kind, u32::try_from(data.len()).unwrap(), 1] {
            index.extend_from_slice(&word.to_be_bytes());
        }
        data.extend_from_slice(bytes);
        count += 1;
    };
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    entry(1000, 6, &text(name), &mut data);
    entry(1001, 6, &text(version), &mut data);
    entry(1002, 6, &text(release), &mut data);
    if let Some(epoch) = epoch {
        entry(1003, 4, &epoch.to_be_bytes(), &mut data);
    }
    entry(1008, 4, &1_700_000_000_u32.to_be_bytes(), &mut data);
    entry(1011, 6, &text("Nobody"), &mut data);
    entry(1022, 6, &text("x86_64"), &mut data);
    entry(
        1044,
        6,
        &text(&format!("{name}-{version}-{release}.src.rpm")),
        &mut data,
    );
    entry(
        5096,
        6,
        &text("nodejs:18:8080020230915:522a0ee4"),
        &mut data,
    );
    if size > 0 {
        let fill = size.saturating_sub(8 + 9 * 16 + data.len());
        entry(1005, 6, &text(&"x".repeat(fill)), &mut data);
    }
    let length = u32::try_from(data.len()).unwrap();
    [
        count.to_be_bytes().to_vec(),
        length.to_be_bytes().to_vec(),
        index,
        data,
    ]
    .concat()
}

/// An `rpmdb.sqlite` of pages of 512 bytes: schema, `Packages`, `Name`; headers overflow.
pub(crate) fn sqlite(names: &[&str]) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut overflow: Vec<[u8; PAGE]> = Vec::new();
    let schema = [("Packages", 2_u8), ("Name", 3)].map(|(name, root)| {
        record(&[
            Cell::Text("table"),
            Cell::Text(name),
            Cell::Text(name),
            Cell::Small(root),
            Cell::Text("x"),
        ])
    });
    let packages: Vec<Vec<u8>> = names
        .iter()
        .map(|name| {
            record(&[
                Cell::Null,
                Cell::Blob(padded(name, (None, "1.0", "1.el9"), 548)),
            ])
        })
        .collect();
    let index: Vec<Vec<u8>> = (1..)
        .zip(names)
        .map(|(hnum, name)| record(&[Cell::Text(name), Cell::Small(hnum), Cell::Small(0)]))
        .collect();
    let mut pages = vec![leaf(100, &schema, &mut overflow)];
    pages.push(leaf(0, &packages, &mut overflow));
    pages.push(leaf(0, &index, &mut overflow));
    pages.extend(overflow);
    let count = u32::try_from(pages.len()).unwrap();
    let mut bytes = pages.concat();
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    bytes[16..24].copy_from_slice(&[2, 0, 1, 1, 0, 64, 32, 32]);
    bytes[28..32].copy_from_slice(&count.to_be_bytes());
    bytes[59] = 1;
    bytes
}

enum Cell<'a> {
    Null,
    Small(u8),
    Text(&'a str),
    Blob(Vec<u8>),
}

fn number(value: usize) -> Vec<u8> {
    let low = u8::try_from(value & 0x7f).unwrap();
    match value >> 7 {
        0 => vec![low],
        high => vec![u8::try_from(high).unwrap() | 0x80, low],
    }
}

fn record(cells: &[Cell<'_>]) -> Vec<u8> {
    let (mut types, mut body) = (Vec::new(), Vec::new());
    for cell in cells {
        match cell {
            Cell::Null => types.push(0),
            Cell::Small(n) => {
                types.push(1);
                body.push(*n);
            }
            Cell::Text(text) => {
                types.extend(number(text.len() * 2 + 13));
                body.extend_from_slice(text.as_bytes());
            }
            Cell::Blob(blob) => {
                types.extend(number(blob.len() * 2 + 12));
                body.extend_from_slice(blob);
            }
        }
    }
    let head = u8::try_from(types.len() + 1).unwrap();
    [vec![head], types, body].concat()
}

fn leaf(head: usize, rows: &[Vec<u8>], overflow: &mut Vec<[u8; 512]>) -> [u8; 512] {
    let (mut page, mut end) = ([0; 512], 512);
    page[head] = 0x0d;
    page[head + 4] = u8::try_from(rows.len()).unwrap();
    for (row, payload) in rows.iter().enumerate() {
        let mut cell = number(payload.len());
        cell.push(u8::try_from(row + 1).unwrap());
        if payload.len() <= 477 {
            cell.extend_from_slice(payload);
        } else {
            // Pages of 512: at least 39 bytes stay, 508 fit an overflow page.
            let fitting = 39 + (payload.len() - 39) % 508;
            let local = if fitting <= 477 { fitting } else { 39 };
            cell.extend_from_slice(&payload[..local]);
            let rest: Vec<&[u8]> = payload[local..].chunks(508).collect();
            for (nth, chunk) in rest.iter().enumerate() {
                let number = u32::try_from(4 + overflow.len()).unwrap();
                if nth == 0 {
                    cell.extend_from_slice(&number.to_be_bytes());
                }
                let next = if nth + 1 < rest.len() { number + 1 } else { 0 };
                let mut page = [0; 512];
                page[..4].copy_from_slice(&next.to_be_bytes());
                page[4..4 + chunk.len()].copy_from_slice(chunk);
                overflow.push(page);
            }
        }
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(&cell);
        let at = u16::try_from(end).unwrap().to_be_bytes();
        page[head + 8 + 2 * row..head + 10 + 2 * row].copy_from_slice(&at);
    }
    page
}

/// A `Packages.db` with one page of slots.
pub(crate) fn ndb(names: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let words = |words: [u32; 3]| words.map(u32::to_le_bytes).concat();
    bytes[..4].copy_from_slice(b"RpmP");
    bytes[8..20].copy_from_slice(&words([1, 1, u32::try_from(names.len()).unwrap() + 1]));
    for slot in bytes[32..].chunks_exact_mut(16) {
        slot[..4].copy_from_slice(b"Slot");
    }
    for (nth, name) in names.iter().enumerate() {
        let blob = header(name, None, "1.0", "1.el9");
        let number = u32::try_from(nth + 1).unwrap();
        let length = u32::try_from(blob.len()).unwrap();
        let mut frame = [b"BlbS".to_vec(), words([number, 1, length]), blob].concat();
        while !(frame.len() + 12).is_multiple_of(16) {
            frame.push(0);
        }
        let sum = crate::ndb::adler32(&frame);
        frame.extend([sum.to_le_bytes(), length.to_le_bytes()].concat());
        frame.extend_from_slice(b"BlbE");
        let at = u32::try_from(bytes.len() / 16).unwrap();
        let count = u32::try_from(frame.len() / 16).unwrap();
        bytes[36 + 16 * nth..48 + 16 * nth].copy_from_slice(&words([number, at, count]));
        bytes.extend(frame);
    }
    bytes
}

/// A `Packages` of Berkeley DB with pages of 512 bytes and two buckets; every header overflows.
pub(crate) fn bdb(names: &[&str], big_endian: bool) -> Vec<u8> {
    let word = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let half = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let page = |number: usize, kind: u8| {
        let mut page = vec![0; 512];
        page[8..12].copy_from_slice(&word(u32::try_from(number).unwrap()));
        page[25] = kind;
        page
    };
    let mut pages = vec![page(0, 8), page(1, 13), page(2, 13)];
    let mut items: [Vec<Vec<u8>>; 2] = [Vec::new(), Vec::new()];
    items[0].push([&[1], word(0).as_slice()].concat());
    items[0].push([&[1], word(9).as_slice()].concat());
    for (nth, name) in names.iter().enumerate() {
        let blob = header(name, None, "1.0", "1.el8");
        let first = pages.len();
        let chunks: Vec<&[u8]> = blob.chunks(400).collect();
        for (chunk_nth, chunk) in chunks.iter().enumerate() {
            let mut page = page(pages.len(), 7);
            if chunk_nth + 1 < chunks.len() {
                let next = u32::try_from(pages.len() + 1).unwrap();
                page[16..20].copy_from_slice(&word(next));
            }
            page[22..24].copy_from_slice(&half(chunk.len()));
            page[26..26 + chunk.len()].copy_from_slice(chunk);
            pages.push(page);
        }
        let (first, length) = (
            u32::try_from(first).unwrap(),
            u32::try_from(blob.len()).unwrap(),
        );
        let bucket = &mut items[(nth + 1) % 2];
        bucket.push([&[1], word(u32::try_from(nth + 1).unwrap()).as_slice()].concat());
        bucket.push([[3, 0, 0, 0], word(first), word(length)].concat());
    }
    for (page, items) in pages[1..].iter_mut().zip(&items) {
        place(page, items, half);
    }
    let last = u32::try_from(pages.len() - 1).unwrap();
    let meta = &mut pages[0];
    for (at, value) in [
        (12, 0x0006_1561),
        (16, 9),
        (20, 512),
        (32, last),
        (72, 1),
        (76, 1),
        (96, 1),
        (100, 1),
    ] {
        meta[at..at + 4].copy_from_slice(&word(value));
    }
    pages.concat()
}

/// Puts keys and values on a hash page, from its end.
fn place(page: &mut [u8], items: &[Vec<u8>], half: impl Fn(usize) -> [u8; 2]) {
    let mut end = 512;
    page[20..22].copy_from_slice(&half(items.len()));
    for (nth, item) in items.iter().enumerate() {
        end -= item.len();
        page[end..end + item.len()].copy_from_slice(item);
        page[26 + 2 * nth..28 + 2 * nth].copy_from_slice(&half(end));
    }
}
