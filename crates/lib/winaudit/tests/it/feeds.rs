//! Feeds: what becomes a row, what is told as none, and what is refused.

use winaudit::{Feed, FeedBuilder, FeedError, Reject};

use crate::corpus;

const HEADER: &str = "\"DatePosted\",\"CVE\",\"BulletinKB\",\"Title\",\"AffectedProduct\",\"AffectedComponent\",\"Severity\",\"Impact\",\"Supersedes\",\"Exploits\"\n";

fn csv(rows: &str) -> Result<Feed, FeedError> {
    Ok(FeedBuilder::new()
        .csv(format!("{HEADER}{rows}").as_bytes())?
        .build())
}

#[test]
fn every_line_is_a_row_or_told() {
    let feed = csv(concat!(
        "# a comment, with \"quotes\n",
        "\n",
        "\"20190212\",\"CVE-1\",\"4486563\",\"T, with a comma\",\"Windows 7\",\"\",\"\",\"\",\"4480970;3142037\n;Release Notes\",\"\"\r\n",
        "\"20190213\",\"CVE-2\",\"Release Notes\",\"T\",\"Windows 7\",\"\",\"\",\"\",\"\",\"\"\n",
        "\"2019\",\"CVE-3\",\"4486563\",\"T\",\"Windows 7\",\"\",\"\",\"\",\"\",\"\"\n",
        "\"20190213\",\"CVE-4\",\"4486563\",\"T\",\"\",\"\",\"\",\"\",\"\",\"\"\n",
        "\"20190213\",\"CVE-5\"\n",
        "\"20190213\"x,\"CVE-6\"\n",
        "20190214,CVE-7,4486564,T,Windows 7,,,,,",
    ))
    .unwrap();
    assert_eq!(
        (
            feed.counts.rows,
            feed.counts.without_kb,
            feed.counts.rejected
        ),
        (3, 1, 4)
    );
    let whys: Vec<Reject> = feed.counts.rejects.iter().map(|reject| reject.1).collect();
    assert_eq!(
        whys,
        [
            Reject::Date,
            Reject::Product,
            Reject::Columns,
            Reject::BehindQuote
        ]
    );
    assert_eq!(
        feed.counts.rejects[0].0, 7,
        "the line as an editor counts it"
    );
    let knows = |kb: &str| feed.knows(kb.parse().unwrap());
    assert!(knows("KB4486563") && knows("KB4480970") && knows("KB3142037") && knows("4486564"));
    assert!(!knows("KB835732"));
    let span = feed.span().unwrap();
    assert_eq!(span.to_string(), "evaluated from 2019-02-12 to 2019-02-14");
}

#[test]
fn what_is_no_feed_is_refused() {
    let csv = |text: &[u8]| FeedBuilder::new().csv(text).map(|_| ()).unwrap_err();
    assert_eq!(csv(b""), FeedError::Empty);
    assert_eq!(
        csv(b"a,b\n1,2\n"),
        FeedError::Header {
            missing: "DatePosted"
        }
    );
    let cvrf = |text: &str| {
        FeedBuilder::new()
            .cvrf(text.as_bytes())
            .map(|_| ())
            .unwrap_err()
    };
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    assert_eq!(cvrf(bomb), FeedError::DocumentType);
    assert_eq!(cvrf("<x></x>"), FeedError::NotCvrf);
    assert_eq!(cvrf(&"<x>".repeat(40)), FeedError::Depth(32));
    assert!(matches!(cvrf("<x><y></x>"), FeedError::Xml { .. }));
    assert!(matches!(cvrf("<x>"), FeedError::Xml { .. }));
}

#[test]
fn the_newest_public_feed_is_read_whole() {
    let Some(feed) = corpus::feed("definitions_20260628.zip") else {
        return;
    };
    // As counted by another program: 608,740 rows, 170,579 of them without a number, and 93 by hand.
    assert!(feed.counts.rows >= 608_740, "{:?}", feed.counts.rows);
    assert_eq!(feed.counts.rejected, 0, "{:?}", feed.counts.rejects);
    assert!(
        (170_000..172_000).contains(&feed.counts.without_kb),
        "{}",
        feed.counts.without_kb
    );
    assert!(feed.counts.products >= 6_792, "{}", feed.counts.products);
    // MS04-011 is older than the feed.
    assert!(!feed.knows("KB835732".parse().unwrap()));
}
