//! The patterns of OVAL, as far as vendors use them: literals, classes, groups, alternatives, repetition and
//! anchors (at every line), run with a bound on steps. What is not of this subset is an error and makes
//! its test unknown; a pattern that could run for ever is stopped and does the same.

/// Most steps of one match.
pub const MAX_PATTERN_STEPS: usize = 1_000_000;
/// Most instructions of a pattern.
const MAX_PROGRAM: usize = 4096;
/// Most levels of groups.
const MAX_GROUPS_DEEP: usize = 32;

/// A match.
pub(super) struct Found {
    pub(super) text: String,
    /// Where it ends, in bytes.
    pub(super) end: usize,
    /// The groups, from the first.
    pub(super) groups: Vec<Option<String>>,
}

/// The first match of `pattern` in `text`, or why the pattern cannot be run.
pub(super) fn matches(pattern: &str, text: &str) -> Result<Option<Found>, String> {
    let mut parser = Parser {
        rest: pattern.chars().collect(),
        at: 0,
        groups: 0,
        program: Vec::new(),
    };
    parser.alternatives(0)?;
    if parser.at < parser.rest.len() {
        return Err(format!(
            "expected the end of the pattern {pattern:?} at letter {}",
            parser.at
        ));
    }
    parser.push(Step::Match)?;
    let mut steps = 0;
    let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for start in starts {
        if let Some(saved) = run(&parser.program, text, start, parser.groups, &mut steps)? {
            let end = saved
                .first()
                .copied()
                .flatten()
                .map_or(start, |(_, end)| end);
            let cut = |(from, to): (usize, usize)| text.get(from..to).unwrap_or("").to_owned(); // "": because matches end between letters
            return Ok(Some(Found {
                text: cut((start, end)),
                end,
                groups: saved.iter().skip(1).map(|group| group.map(cut)).collect(),
            }));
        }
    }
    Ok(None)
}

#[derive(Clone)]
enum Step {
    Any,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Open(usize),
    Close(usize),
    LineStart,
    LineEnd,
    Jump(usize),
    /// Try the first, then the second.
    Split(usize, usize),
    Match,
}

type Saved = Vec<Option<(usize, usize)>>;

fn run(
    program: &[Step],
    text: &str,
    start: usize,
    groups: usize,
    steps: &mut usize,
) -> Result<Option<Saved>, String> {
    let mut threads: Vec<(usize, usize, Saved)> = vec![(0, start, vec![None; groups + 1])];
    while let Some((mut step, mut at, mut saved)) = threads.pop() {
        loop {
            *steps += 1;
            if *steps > MAX_PATTERN_STEPS {
                return Err(format!(
                    "a pattern that needs more than {MAX_PATTERN_STEPS} steps"
                ));
            }
            let letter = text.get(at..).and_then(|rest| rest.chars().next());
            let before = text.get(..at).and_then(|rest| rest.chars().next_back());
            let goes = match program.get(step) {
                None | Some(Step::Match) => {
                    if let Some(whole) = saved.first_mut() {
                        *whole = Some((start, at));
                    }
                    return Ok(Some(saved));
                }
                Some(Step::Jump(to)) => {
                    step = *to;
                    continue;
                }
                Some(Step::Split(first, second)) => {
                    threads.push((*second, at, saved.clone()));
                    step = *first;
                    continue;
                }
                Some(Step::Open(group)) => {
                    if let Some(place) = saved.get_mut(*group) {
                        *place = Some((at, at));
                    }
                    true
                }
                Some(Step::Close(group)) => {
                    if let Some(Some(place)) = saved.get_mut(*group) {
                        place.1 = at;
                    }
                    true
                }
                Some(Step::LineStart) => before.is_none_or(|letter| letter == '\n'),
                Some(Step::LineEnd) => letter.is_none_or(|letter| letter == '\n'),
                Some(Step::Any) => {
                    at += letter.map_or(0, char::len_utf8);
                    letter.is_some_and(|letter| letter != '\n')
                }
                Some(Step::Set { negated, ranges }) => {
                    at += letter.map_or(0, char::len_utf8);
                    letter.is_some_and(|letter| {
                        ranges.iter().any(|(a, b)| (*a..=*b).contains(&letter)) != *negated
                    })
                }
            };
            if !goes {
                break;
            }
            step += 1;
        }
    }
    Ok(None)
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    groups: usize,
    program: Vec<Step>,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    fn takes(&mut self, letter: char) -> bool {
        let is = self.peek() == Some(letter);
        self.at += usize::from(is);
        is
    }

    fn push(&mut self, step: Step) -> Result<(), String> {
        if self.program.len() >= MAX_PROGRAM {
            return Err(format!("a pattern of more than {MAX_PROGRAM} steps"));
        }
        self.program.push(step);
        Ok(())
    }

    fn alternatives(&mut self, depth: usize) -> Result<(), String> {
        let begin = self.program.len();
        let mut ends = Vec::new();
        self.sequence(depth)?;
        while self.takes('|') {
            // Before what stands there: try it, or else what follows.
            self.insert(begin, Step::Split(0, 0))?;
            for end in &mut ends {
                *end += 1;
            }
            ends.push(self.program.len());
            self.push(Step::Jump(0))?;
            let next = self.program.len();
            self.set(begin, Step::Split(begin + 1, next));
            self.sequence(depth)?;
        }
        let end = self.program.len();
        for jump in ends {
            self.set(jump, Step::Jump(end));
        }
        Ok(())
    }

    fn sequence(&mut self, depth: usize) -> Result<(), String> {
        while let Some(letter) = self.peek() {
            if letter == '|' || letter == ')' {
                break;
            }
            let begin = self.program.len();
            self.atom(depth)?;
            self.repeated(begin)?;
        }
        Ok(())
    }

    fn atom(&mut self, depth: usize) -> Result<(), String> {
        let step = match self.take() {
            Some('(') => return self.group(depth),
            Some('[') => self.class()?,
            Some('.') => Step::Any,
            Some('^') => Step::LineStart,
            Some('$') => Step::LineEnd,
            Some('\\') => {
                let (negated, ranges) = self.escape()?;
                Step::Set { negated, ranges }
            }
            Some(letter @ ('*' | '+' | '?')) => {
                return Err(format!("a pattern that repeats nothing with {letter}"));
            }
            Some(letter) => Step::Set {
                negated: false,
                ranges: vec![(letter, letter)],
            },
            None => return Err("a pattern that ends too early".to_owned()),
        };
        self.push(step)
    }

    fn group(&mut self, depth: usize) -> Result<(), String> {
        if depth >= MAX_GROUPS_DEEP {
            return Err(format!("a pattern of more than {MAX_GROUPS_DEEP} levels"));
        }
        let captures = if self.takes('?') {
            if !self.takes(':') {
                return Err("a pattern that looks around or sets flags".to_owned());
            }
            None
        } else {
            self.groups += 1;
            Some(self.groups)
        };
        if let Some(group) = captures {
            self.push(Step::Open(group))?;
        }
        self.alternatives(depth + 1)?;
        if !self.takes(')') {
            return Err("a pattern with an open group".to_owned());
        }
        captures.map_or(Ok(()), |group| self.push(Step::Close(group)))
    }

    fn class(&mut self) -> Result<Step, String> {
        let negated = self.takes('^');
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let letter = self.take().ok_or("a pattern with an open class")?;
            match letter {
                ']' if !first => return Ok(Step::Set { negated, ranges }),
                '[' if self.peek() == Some(':') => {
                    return Err("a pattern with a named class".to_owned());
                }
                '\\' => {
                    let (outside, mut of) = self.escape()?;
                    if outside {
                        of = complement(&of);
                    }
                    ranges.append(&mut of);
                }
                from if self.peek() == Some('-')
                    && self.rest.get(self.at + 1).is_some_and(|to| *to != ']') =>
                {
                    self.at += 1;
                    let to = self.take().filter(|to| *to != '\\' && *to >= from);
                    ranges.push((from, to.ok_or("a pattern with a range that falls")?));
                }
                letter => ranges.push((letter, letter)),
            }
            first = false;
        }
    }

    fn escape(&mut self) -> Result<(bool, Vec<(char, char)>), String> {
        let word = vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
        let space = vec![('\t', '\r'), (' ', ' ')];
        match self.take() {
            Some('d') => Ok((false, vec![('0', '9')])),
            Some('D') => Ok((true, vec![('0', '9')])),
            Some('w') => Ok((false, word)),
            Some('W') => Ok((true, word)),
            Some('s') => Ok((false, space)),
            Some('S') => Ok((true, space)),
            Some('n') => Ok((false, vec![('\n', '\n')])),
            Some('r') => Ok((false, vec![('\r', '\r')])),
            Some('t') => Ok((false, vec![('\t', '\t')])),
            Some(letter) if !letter.is_ascii_alphanumeric() => Ok((false, vec![(letter, letter)])),
            other => Err(format!("a pattern with the escape {other:?}")),
        }
    }

    /// Repetition of what was pushed since `begin`.
    fn repeated(&mut self, begin: usize) -> Result<(), String> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.at += 1;
                let bounds = self.bounds()?;
                self.at -= 1;
                bounds
            }
            _ => return Ok(()),
        };
        self.at += 1;
        let lazy = self.takes('?');
        if self.takes('+') {
            return Err("a pattern with possessive repetition".to_owned());
        }
        let body: Vec<Step> = self.program.drain(begin..).collect();
        let split = |go: usize, leave: usize| {
            if lazy {
                Step::Split(leave, go)
            } else {
                Step::Split(go, leave)
            }
        };
        for _ in 0..least {
            self.copy(&body, begin)?;
        }
        match most {
            None => {
                let here = self.program.len();
                self.push(Step::Match)?;
                self.copy(&body, begin)?;
                self.push(Step::Jump(here))?;
                self.set(here, split(here + 1, self.program.len()));
            }
            Some(most) => {
                let mut places = Vec::new();
                for _ in least..most {
                    places.push(self.program.len());
                    self.push(Step::Match)?;
                    self.copy(&body, begin)?;
                }
                for place in places {
                    self.set(place, split(place + 1, self.program.len()));
                }
            }
        }
        Ok(())
    }

    fn bounds(&mut self) -> Result<(usize, Option<usize>), String> {
        let least = self.number().ok_or("a pattern with { without a number")?;
        let most = if self.takes(',') {
            self.number()
        } else {
            Some(least)
        };
        if !self.takes('}') || most.is_some_and(|most| most < least) || least > MAX_PROGRAM {
            return Err("a pattern with bounds that do not close or fall".to_owned());
        }
        Ok((least, most))
    }

    fn number(&mut self) -> Option<usize> {
        let mut digits = String::new();
        while let Some(letter) = self.peek().filter(char::is_ascii_digit) {
            self.at += 1;
            digits.push(letter);
        }
        digits.parse().ok().filter(|number| *number <= MAX_PROGRAM) // ok: because None is the answer
    }

    /// Puts a body that stood at `begin` at the end, with its jumps moved along.
    fn copy(&mut self, body: &[Step], begin: usize) -> Result<(), String> {
        let by = self.program.len() - begin;
        for step in body {
            self.push(moved(step, begin, by))?;
        }
        Ok(())
    }

    /// Puts a step before what stands at `at`, whose jumps move along.
    fn insert(&mut self, at: usize, step: Step) -> Result<(), String> {
        let tail: Vec<Step> = self.program.drain(at..).collect();
        self.push(step)?;
        for step in &tail {
            self.push(moved(step, at, 1))?;
        }
        Ok(())
    }

    fn set(&mut self, at: usize, step: Step) {
        if let Some(place) = self.program.get_mut(at) {
            *place = step;
        }
    }
}

fn moved(step: &Step, from: usize, by: usize) -> Step {
    let to = |place: usize| if place >= from { place + by } else { place };
    match step {
        Step::Jump(place) => Step::Jump(to(*place)),
        Step::Split(first, second) => Step::Split(to(*first), to(*second)),
        other => other.clone(),
    }
}

fn complement(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let mut out = Vec::new();
    let mut from = Some('\0');
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    for (a, b) in sorted {
        if let Some(start) = from
            && let Some(end) = char::from_u32(u32::from(a).wrapping_sub(1))
            && start <= end
        {
            out.push((start, end));
        }
        from = char::from_u32(u32::from(b) + 1);
    }
    out.extend(from.map(|start| (start, char::MAX)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_vendors_mean() {
        let check = |pattern: &str, text: &str, expected: Option<&str>| {
            let found = matches(pattern, text).unwrap().map(|found| found.text);
            assert_eq!(found.as_deref(), expected, "{pattern} in {text:?}");
        };
        check("^8[^\\d]", "8.10", Some("8."));
        check("^8[^\\d]", "80.1", None);
        check("aarch64|ppc64le|s390x|x86_64", "x86_64", Some("x86_64"));
        check("^(?:a|b)+$", "abba", Some("abba"));
        check("a{2,3}", "aaaa", Some("aaa"));
        check("a{2,3}?", "aaaa", Some("aa"));
        check("a.*?c", "abcbc", Some("abc"));
        check(
            "^stream=(\\S+)$",
            "[nodejs]\nstream=18\nstate=x",
            Some("stream=18"),
        );
        check(
            "\\[nodejs\\][\\w\\W]*?stream",
            "[nodejs]\nname=nodejs\nstream",
            Some("[nodejs]\nname=nodejs\nstream"),
        );
        check("(a|ab)(c|bcd)(d*)", "abcd", Some("abcd"));
        check("x|y|z?", "z", Some("z"));
        check("", "a", Some(""));
        let found = matches("stream=(\\d+)(x)?", "stream=18").unwrap().unwrap();
        assert_eq!(found.groups, [Some("18".to_owned()), None]);
    }

    #[test]
    fn what_is_not_of_the_subset_or_has_no_end_is_an_error() {
        for pattern in [
            "(?=a)",
            "a++",
            "*",
            "(a",
            "[a",
            "\\b",
            "a{3,2}",
            "a{99999}",
            "[[:alpha:]]",
            "a)",
        ] {
            assert!(matches(pattern, "aaa").is_err(), "{pattern}");
        }
        let text = "a".repeat(40);
        assert!(matches("(a*)*b", &text).is_err());
        assert!(matches(&"(".repeat(100_000), "a").is_err());
    }
}
