//! Silence, sickness, blindness, gaps, refusals, missed probes.

use cordon_model::{
    Blindness, Epoch, Event, Fact, Finding, Host, Key, Memory, Planting, Rule, SetName, Span,
    Subject, Text, Time, Verdict, Watched,
};

use crate::{
    Watch,
    habit::{Learned, paces},
    rules::{
        BLIND, CLOCK, EMPTY, GAP, LOST, MISSED, ODD, REFUSED, SICK, SILENT, STALE, STEPPED,
        WITHHELD_PULSE, ZONE,
    },
    skew::Clock,
    state::{Entry, State, Wrong},
};

/// How long something that is over is still told.
const TOLD_FOR: Span = Span::days(1);

/// How long the invented control of our own probe may be quiet.
const INVENTED_DEADLINE: Span = Span::from_millis(200);

type Say<'s> = &'s mut dyn FnMut(Verdict);

pub(crate) fn judge(watch: &Watch, memory: &mut Memory<State>, event: &Event, say: Say<'_>) {
    let Some(host) = memory.key().host().cloned() else {
        return;
    };
    let here = Here {
        watch,
        host: &host,
        at: event.at,
    };
    let invented = event
        .probe
        .as_ref()
        .is_some_and(|probe| probe.as_str() == WITHHELD_PULSE);
    if event.probe.is_some() && !invented {
        return; // a probe of another control must not teach us anything
    }
    match &event.fact {
        Fact::Tick => here.tick(memory, say),
        Fact::ClockStep { from, to } => here.step(memory, *from, *to, event.host == host, say),
        Fact::Pulse { of, seen, errors } => {
            let entry = here.entry(memory, of);
            entry.invented = invented;
            here.pulse(entry, of, (*seen, *errors), event.said, say);
            if entry.habit.has_ended() {
                memory.due = Some(here.at);
            }
            here.review(memory, of, None, say);
        }
        Fact::Blind { of, why } => here.blind(memory, of, why, say),
        Fact::Gap { of, from, to, lost } => {
            let entry = here.entry(memory, of);
            entry.gap_until = Some(here.at + TOLD_FOR);
            entry.missed = Some((here.at, *lost));
            let lost = lost.map_or_else(|| "unknown".to_owned(), |lost| lost.to_string());
            let finding = here.finding(&GAP, of).with("from", from.to_string());
            say(Verdict::Find(
                finding.with("to", to.to_string()).with("lost", lost),
            ));
            here.review(memory, of, None, say);
        }
        Fact::Learned { of, cadence } => {
            let entry = here.entry(memory, of);
            let last = entry.last(of);
            entry.habit.learn(Learned::read(cadence), last);
            here.review(memory, of, None, say);
        }
        Fact::Vitals {
            of,
            unparsed,
            shapes,
            skew_secs,
            ..
        } => {
            let entry = here.entry(memory, of);
            let before = entry.habit.skew();
            entry.habit.look(here.at, *unparsed, *shapes, *skew_secs);
            if let Some(secs) = *skew_secs {
                here.clock(entry, of, (before.map(Clock::of), Clock::of(secs)), say);
            }
        }
        Fact::Planted(planting) => {
            memory.waiting.push(planting.clone());
            memory.due = earlier(memory.due, planting.until + Span::from_millis(1));
        }
        Fact::Proven(planting) => here.proven(memory, planting, say),
        Fact::Swapped { set, .. } => here.swapped(memory, set, event.host == host, say),
        Fact::Refused { set, epoch, why } => here.refused(memory, set, *epoch, why, say),
        _ => {}
    }
}

/// Where and when a judgement is made.
struct Here<'h> {
    watch: &'h Watch,
    host: &'h Host,
    at: Time,
}

impl Here<'_> {
    fn entry<'m>(&self, memory: &'m mut State, of: &Watched) -> &'m mut Entry {
        memory
            .entries
            .entry(of.clone())
            .or_insert_with(|| Entry::new(self.at))
    }

    fn pulse(
        &self,
        entry: &mut Entry,
        of: &Watched,
        (seen, errors): (u64, u64),
        said: Option<Time>,
        say: Say<'_>,
    ) {
        entry.pulsed = Some(self.at);
        if matches!(of, Watched::Feed(_)) {
            entry.event = said.or(entry.event);
        } else if seen > 0 {
            entry.event = Some(said.unwrap_or(self.at).min(self.at)).max(entry.event);
            if matches!(of, Watched::Source(_)) {
                entry.habit.hear(self.at, seen, errors);
            }
        }
        if entry.blind.take().is_some() {
            say(Verdict::Clear(self.key(&BLIND, of)));
        }
        let empty = seen == 0 && matches!(of, Watched::Control(_));
        self.turn(entry, of, (Wrong::Empty, empty), say, |finding| finding);
        entry.share.add(self.at, seen, errors);
        self.sickness(entry, of, say);
    }

    /// Sick at the limit, well again at half of it: a source at the edge must not flap.
    fn sickness(&self, entry: &mut Entry, of: &Watched, say: Say<'_>) {
        let limits = &self.watch.limits;
        let (seen, errors) = entry.share.totals();
        let percent = errors.saturating_mul(100).checked_div(seen).unwrap_or(0);
        let limit = limits.error_percent.0;
        let sick = if entry.wrong.contains(&Wrong::Sick) {
            seen < limits.error_floor || percent.saturating_mul(2) >= limit
        } else {
            errors >= limits.error_floor && percent >= limit
        };
        let told = |finding: Finding| finding.with("seen", seen).with("errors", errors);
        self.turn(entry, of, (Wrong::Sick, sick), say, told);
    }

    /// What the times of its lines say of its clock; one that goes from zone to zone is told again.
    fn clock(
        &self,
        entry: &mut Entry,
        of: &Watched,
        (before, now): (Option<Clock>, Clock),
        say: Say<'_>,
    ) {
        let by = now.told().unwrap_or_default(); // default: because a clock that is right tells nothing
        let told = |finding: Finding| finding.with("by", by.as_str());
        let off = matches!(now, Clock::Off(_))
            || (now == Clock::Either && entry.wrong.contains(&Wrong::Clock));
        self.turn(entry, of, (Wrong::Clock, off), say, told);
        let zone = matches!(now, Clock::Zone(_));
        if zone && entry.wrong.contains(&Wrong::Zone) && before != Some(now) {
            say(Verdict::Find(told(self.finding(&ZONE, of))));
        }
        self.turn(entry, of, (Wrong::Zone, zone), say, told);
    }

    fn blind(&self, memory: &mut State, of: &Watched, why: &Blindness, say: Say<'_>) {
        let entry = self.entry(memory, of);
        if entry.blind.as_ref() == Some(why) {
            return;
        }
        entry.blind = Some(why.clone());
        let mut finding = self.finding(&BLIND, of).with("why", &why.why);
        if let Some(mend) = &why.mend {
            finding = finding.with("mend", mend);
        }
        say(Verdict::Find(finding));
        self.review(memory, of, None, say);
    }

    fn proven(&self, memory: &mut State, planting: &Planting, say: Say<'_>) {
        memory.waiting.retain(|waiting| waiting != planting);
        memory.proofs.insert(planting.control.clone(), self.at);
        self.forget_invented(memory, planting);
        if memory.missed.remove(&planting.control) {
            let of = Watched::Control(planting.control.clone());
            say(Verdict::Clear(self.key(&MISSED, &of)));
        }
    }

    fn forget_invented(&self, memory: &mut State, planting: &Planting) {
        if planting.probe.as_str() != WITHHELD_PULSE || planting.host != *self.host {
            return;
        }
        if let Subject::Watched(invented) = &planting.subject {
            memory.entries.remove(invented);
        }
    }

    fn refused(&self, memory: &mut State, set: &SetName, epoch: Epoch, why: &Text, say: Say<'_>) {
        memory.refused.insert(set.clone());
        let key = Key::new(&REFUSED, self.host, Subject::Set(set.clone()));
        let finding = Finding::new(&REFUSED, key).with("what", set.as_str());
        say(Verdict::Find(finding.with("epoch", epoch).with("why", why)));
    }

    fn swapped(&self, memory: &mut Memory<State>, set: &SetName, at_home: bool, say: Say<'_>) {
        memory.enrolled = false; // policy may owe something else now
        self.tick(memory, say);
        if at_home && memory.refused.remove(set) {
            say(Verdict::Clear(Key::new(
                &REFUSED,
                self.host,
                Subject::Set(set.clone()),
            )));
        }
    }

    /// A clock set forward makes everything look old: move what we remember along with it.
    fn step(&self, memory: &mut State, from: Time, to: Time, at_home: bool, say: Say<'_>) {
        let forward = to.since(from);
        for entry in memory.entries.values_mut() {
            entry.since = entry.since + forward;
            entry.pulsed = entry.pulsed.map(|at| at + forward);
            entry.event = entry.event.map(|at| at + forward);
            entry.share.shift(forward);
            entry.habit.shift(forward);
        }
        for planting in &mut memory.waiting {
            planting.until = planting.until + forward;
        }
        memory.due = memory.due.map(|due| due + forward);
        if at_home {
            memory.stepped_until = Some(self.at + TOLD_FOR);
            memory.due = earlier(memory.due, self.at + TOLD_FOR);
            let by = if forward == Span::default() {
                format!("{} back", from.since(to).plain())
            } else {
                format!("{} forward", forward.plain())
            };
            let finding = Finding::new(&STEPPED, Key::new(&STEPPED, self.host, Subject::Host));
            say(Verdict::Find(
                finding.with("what", self.host.as_str()).with("by", by),
            ));
        }
    }

    fn tick(&self, memory: &mut Memory<State>, say: Say<'_>) {
        if memory.enrolled && memory.due.is_none_or(|due| self.at < due) {
            return; // read only: the shard stays untouched and is not saved
        }
        for of in self.watch.owed(self.host) {
            self.entry(memory, of);
        }
        memory.enrolled = true;
        memory.due = None;
        let all: Vec<Watched> = memory.entries.keys().cloned().collect();
        let paces = paces(&memory.entries, self.at);
        for of in &all {
            let pace = paces.get(of).copied().unwrap_or(1.0);
            self.review(memory, of, Some(pace), say);
        }
        self.overdue_probes(memory, say);
        match memory.stepped_until {
            Some(until) if until <= self.at => {
                memory.stepped_until = None;
                say(Verdict::Clear(Key::new(&STEPPED, self.host, Subject::Host)));
            }
            Some(until) => memory.due = earlier(memory.due, until),
            None => {}
        }
    }

    fn overdue_probes(&self, memory: &mut State, say: Say<'_>) {
        let (overdue, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut memory.waiting)
            .into_iter()
            .partition(|planting| planting.until < self.at);
        for planting in &waiting {
            memory.due = earlier(memory.due, planting.until + Span::from_millis(1));
        }
        memory.waiting = waiting;
        for planting in overdue {
            self.forget_invented(memory, &planting);
            let of = Watched::Control(planting.control.clone());
            memory.missed.insert(planting.control);
            let finding = self
                .finding(&MISSED, &of)
                .with("probe", planting.probe.as_str());
            say(Verdict::Find(finding));
        }
    }

    /// What time alone says of one entry, and when it will say more. Learned silence is judged only where it
    /// is known at which `pace` the others go.
    fn review(&self, memory: &mut State, of: &Watched, pace: Option<f64>, say: Say<'_>) {
        let Some(entry) = memory.entries.get_mut(of) else {
            return;
        };
        let mut due = None;
        let deadline = if entry.invented {
            Some(INVENTED_DEADLINE)
        } else {
            self.watch.deadline(of, Some(self.host))
        };
        if let Some(pace) = pace {
            self.oddness(entry, of, pace, say);
        }
        if let Some(deadline) = deadline {
            let last = entry.last(of);
            let silent = self.at >= last + deadline;
            self.silence(entry, of, (silent, &deadline.to_string()), say);
            due = earlier(due, (!silent).then(|| last + deadline));
        } else if let Some(pace) = pace {
            if let Some((silent, alarm, again)) = entry.habit.judge(self.at, pace) {
                let waited = alarm.since(entry.last(of));
                self.silence(entry, of, (silent, &waited.plain()), say);
                due = earlier(due, again);
            }
        } else {
            let heard = entry.pulsed == Some(self.at) && entry.event.is_some();
            if heard && entry.habit.look_at().is_some_and(|alarm| alarm > self.at) {
                self.silence(entry, of, (false, ""), say);
            }
            due = earlier(due, entry.habit.look_at().map(|alarm| alarm.max(self.at)));
        }
        if let (Watched::Feed(_), Some(dated)) = (of, entry.event) {
            let limit = self.watch.limits.feed_age;
            let stale = self.at >= dated + limit;
            let told = |finding: Finding| {
                finding
                    .with("dated", dated.day())
                    .with("limit", limit.to_string())
            };
            self.turn(entry, of, (Wrong::Stale, stale), say, told);
            due = earlier(due, (!stale).then(|| dated + limit));
        }
        if entry.gap_until.is_some_and(|until| until <= self.at) {
            entry.gap_until = None;
            say(Verdict::Clear(self.key(&GAP, of)));
        }
        memory.due = earlier(memory.due, earlier(due, entry.gap_until));
    }

    /// What is odd about the last whole hour of a source, against what was learned of it.
    fn oddness(&self, entry: &mut Entry, of: &Watched, pace: f64, say: Say<'_>) {
        let Some((signs, odd)) = entry.habit.weigh(self.at, pace) else {
            return;
        };
        let told = |finding: Finding| finding.with("told", signs.join("; "));
        if !odd || !signs.is_empty() {
            self.turn(entry, of, (Wrong::Odd, odd), say, told);
        }
    }

    fn silence(
        &self,
        entry: &mut Entry,
        of: &Watched,
        (silent, deadline): (bool, &str),
        say: Say<'_>,
    ) {
        let heard = entry.pulsed.or(entry.event).is_some();
        let last = if heard {
            entry.last(of).to_string()
        } else {
            "never".to_owned()
        };
        let told = |finding: Finding| finding.with("last", last).with("deadline", deadline);
        self.turn(entry, of, (Wrong::Silent, silent), say, told);
    }

    /// Says that a condition began or ended, once.
    fn turn(
        &self,
        entry: &mut Entry,
        of: &Watched,
        (wrong, is): (Wrong, bool),
        say: Say<'_>,
        told: impl FnOnce(Finding) -> Finding,
    ) {
        let rule = match (wrong, of) {
            (Wrong::Silent, Watched::Agent(_)) => &LOST,
            (Wrong::Silent, _) => &SILENT,
            (Wrong::Sick, _) => &SICK,
            (Wrong::Empty, _) => &EMPTY,
            (Wrong::Stale, _) => &STALE,
            (Wrong::Odd, _) => &ODD,
            (Wrong::Clock, _) => &CLOCK,
            (Wrong::Zone, _) => &ZONE,
        };
        if is && entry.wrong.insert(wrong) {
            say(Verdict::Find(told(self.finding(rule, of))));
        } else if !is && entry.wrong.remove(&wrong) {
            say(Verdict::Clear(self.key(rule, of)));
        }
    }

    fn key(&self, rule: &Rule, of: &Watched) -> Key {
        Key::new(rule, self.host, Subject::Watched(of.clone()))
    }

    fn finding(&self, rule: &Rule, of: &Watched) -> Finding {
        Finding::new(rule, self.key(rule, of)).with("what", plain(of))
    }
}

/// What people call it.
fn plain(of: &Watched) -> String {
    match of {
        Watched::Control(name) => format!("control {name}"),
        Watched::Source(name) => format!("source {name}"),
        Watched::Agent(host) => format!("host {host}"),
        Watched::Feed(name) => format!("feed {name}"),
        Watched::Channel(name) => format!("channel {name}"),
        Watched::Hub => "the hub".to_owned(),
    }
}

fn earlier(due: Option<Time>, other: impl Into<Option<Time>>) -> Option<Time> {
    match (due, other.into()) {
        (Some(due), Some(other)) => Some(due.min(other)),
        (due, other) => due.or(other),
    }
}
