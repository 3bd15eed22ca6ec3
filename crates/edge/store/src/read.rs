//! Reading, each in one transaction: what is read together was true together.

use std::collections::BTreeMap;

use cordon_model::{Severity, Time};
use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::{
    Backup, FindingRow, Head, HistoryRow, HourRow, Loaded, OutboxRow, Outgoing, ShardRow,
    StoreFacts, open,
};

/// `SQLite`'s integers are signed. What does not fit sorts last instead of first.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Back again; below zero nothing was written by us.
pub(crate) fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Loaded> {
    let conn = conn.unchecked_transaction()?;
    let head = conn
        .query_row("SELECT seq, at, bytes FROM head", [], |row| {
            Ok(Head {
                seq: number(row, 0)?,
                at: time(row, 1)?,
                bytes: row.get(2)?,
            })
        })
        .optional()?;
    let shards = all(
        &conn,
        "SELECT control, key, version, bytes FROM shards ORDER BY control, key",
        |row| {
            Ok(ShardRow {
                control: row.get(0)?,
                key: row.get(1)?,
                version: row.get(2)?,
                bytes: Some(row.get(3)?),
            })
        },
    )?;
    let cursors = all(
        &conn,
        "SELECT name, bytes FROM cursors ORDER BY name",
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let findings = all(
        &conn,
        "SELECT key, rule, host, subject, severity, life, first, last, bytes FROM findings
         WHERE resolved IS NULL ORDER BY key",
        finding,
    )?;
    Ok(Loaded {
        head,
        shards,
        cursors,
        findings,
    })
}

fn finding(row: &Row<'_>) -> rusqlite::Result<FindingRow> {
    Ok(FindingRow {
        key: row.get(0)?,
        rule: row.get(1)?,
        host: row.get(2)?,
        subject: row.get(3)?,
        severity: severity(row, 4)?,
        life: row.get(5)?,
        first: time(row, 6)?,
        last: time(row, 7)?,
        bytes: row.get(8)?,
    })
}

pub(crate) fn history(
    conn: &Connection,
    since: Time,
    limit: usize,
) -> rusqlite::Result<Vec<HistoryRow>> {
    let mut query = conn.prepare_cached(
        "SELECT seq, at, kind, rule, host, subject, severity, title, body FROM history
         WHERE at >= ?1 ORDER BY at, id LIMIT ?2",
    )?;
    let rows = query.query_map(params![int(since.millis()), int(limit as u64)], |row| {
        Ok(HistoryRow {
            seq: number(row, 0)?,
            at: time(row, 1)?,
            kind: row.get(2)?,
            rule: row.get(3)?,
            host: row.get(4)?,
            subject: row.get(5)?,
            severity: severity(row, 6)?,
            title: row.get(7)?,
            body: row.get(8)?,
        })
    })?;
    rows.collect()
}

pub(crate) fn outbox(
    conn: &Connection,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Outgoing>> {
    let mut query = conn.prepare_cached(
        "SELECT id, seq, kind, body FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let rows = query.query_map([int(after), int(limit as u64)], |row| {
        Ok(Outgoing {
            id: number(row, 0)?,
            seq: number(row, 1)?,
            row: OutboxRow {
                kind: row.get(2)?,
                body: row.get(3)?,
            },
        })
    })?;
    rows.collect()
}

pub(crate) fn notes(conn: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT name, bytes FROM notes")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub(crate) fn hours(conn: &Connection, since: u64) -> rusqlite::Result<Vec<HourRow>> {
    let mut query = conn.prepare_cached(
        "SELECT host, source, hour, minutes, lines, errors, unparsed, shapes, wrong FROM hours
         WHERE hour >= ?1 ORDER BY host, source, hour",
    )?;
    let rows = query.query_map([int(since)], |row| {
        Ok(HourRow {
            host: row.get(0)?,
            source: row.get(1)?,
            hour: number(row, 2)?,
            minutes: number(row, 3)?,
            lines: number(row, 4)?,
            errors: number(row, 5)?,
            unparsed: number(row, 6)?,
            shapes: number(row, 7)?,
            wrong: row.get(8)?,
        })
    })?;
    rows.collect()
}

/// All but the sizes, which are not `SQLite`'s to say.
pub(crate) fn facts(conn: &Connection) -> rusqlite::Result<StoreFacts> {
    let conn = conn.unchecked_transaction()?;
    let count = |sql: &str| conn.query_row(sql, [], |row| number(row, 0));
    let backup = conn
        .query_row("SELECT path, seq, at FROM backup", [], |row| {
            let path: String = row.get(0)?;
            Ok(Backup {
                path: path.into(),
                last: when(row, 1)?,
            })
        })
        .optional()?;
    let standing = count("SELECT COUNT(*) FROM findings WHERE resolved IS NULL")?;
    Ok(StoreFacts {
        schema: open::version(&conn)?,
        last: last(&conn)?,
        bytes: 0,
        free: 0,
        shards: count("SELECT COUNT(*) FROM shards")?,
        standing,
        resolved: count("SELECT COUNT(*) FROM findings")?.saturating_sub(standing),
        outbox: count("SELECT COUNT(*) FROM outbox")?,
        history: count("SELECT COUNT(*) FROM history")?,
        backup,
    })
}

pub(crate) fn last(conn: &Connection) -> rusqlite::Result<Option<(u64, Time)>> {
    let last = conn.query_row("SELECT seq, at FROM head", [], |row| when(row, 0));
    Ok(last.optional()?.flatten())
}

fn all<T>(
    conn: &Connection,
    sql: &str,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map([], row)?.collect()
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(uint)
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    number(row, column).map(Time::from_millis)
}

/// Two columns that are both there or both not.
fn when(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<(u64, Time)>> {
    let (seq, at): (Option<i64>, Option<i64>) = (row.get(column)?, row.get(column + 1)?);
    let at = at.map(|at| Time::from_millis(uint(at)));
    Ok(seq.map(uint).zip(at))
}

fn severity(row: &Row<'_>, column: usize) -> rusqlite::Result<Severity> {
    let text: String = row.get(column)?;
    let known = [
        Severity::Info,
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let severity = known.into_iter().find(|severity| severity.plain() == text);
    severity.ok_or_else(|| {
        let why = format!("`{text}` is no severity").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why)
    })
}
