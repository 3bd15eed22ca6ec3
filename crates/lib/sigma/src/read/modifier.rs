//! The modifiers of a field, and which of them may stand together.

use crate::{
    error::{At, Reason, shorten},
    regexes::Flags,
    rule::Order,
    stamp::Part,
};

/// Where a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Start,
    End,
    Inside,
}

/// How a text is changed before it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Base64,
    Base64Offset,
    Utf16,
    Utf16Le,
    Utf16Be,
    Windash,
}

#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a modifier that is there or not"
)]
pub(crate) struct Modifiers {
    pub(crate) all: bool,
    pub(crate) neq: bool,
    pub(crate) cased: bool,
    pub(crate) exists: bool,
    pub(crate) expand: bool,
    pub(crate) cidr: bool,
    pub(crate) fieldref: bool,
    pub(crate) regex: Option<Flags>,
    pub(crate) order: Option<Order>,
    pub(crate) part: Option<Part>,
    pub(crate) place: Option<Place>,
    pub(crate) encodings: Vec<Encoding>,
    /// What kind of test the value is made into, by the modifier that says so.
    kind: Option<&'static str>,
}

impl Modifiers {
    pub(crate) fn parse(text: &str, line: u32) -> Result<Self, At> {
        let mut modifiers = Self::default();
        if text.is_empty() {
            return Ok(modifiers);
        }
        for name in text.split('|') {
            modifiers
                .add(name)
                .map_err(|reason| At::new(line, reason))?;
        }
        modifiers.check().map_err(|reason| At::new(line, reason))?;
        Ok(modifiers)
    }

    fn add(&mut self, name: &str) -> Result<(), Reason> {
        match name {
            "all" => self.all = true,
            "neq" => self.neq = true,
            "cased" => self.cased = true,
            "exists" => self.kind("exists", |m| m.exists = true)?,
            "expand" => self.expand = true,
            "cidr" => self.kind("cidr", |m| m.cidr = true)?,
            "fieldref" => self.kind("fieldref", |m| m.fieldref = true)?,
            "re" => self.kind("re", |m| m.regex = Some(Flags::default()))?,
            "i" | "ignorecase" => self.flag(name, |flags| flags.ignore_case = true)?,
            "m" | "multiline" => self.flag(name, |flags| flags.multi_line = true)?,
            "s" | "dotall" => self.flag(name, |flags| flags.dot_all = true)?,
            "lt" => self.order(name, Order::Less)?,
            "lte" => self.order(name, Order::LessOrEqual)?,
            "gt" => self.order(name, Order::Greater)?,
            "gte" => self.order(name, Order::GreaterOrEqual)?,
            "minute" => self.kind("minute", |m| m.part = Some(Part::Minute))?,
            "hour" => self.kind("hour", |m| m.part = Some(Part::Hour))?,
            "day" => self.kind("day", |m| m.part = Some(Part::Day))?,
            "week" => self.kind("week", |m| m.part = Some(Part::Week))?,
            "month" => self.kind("month", |m| m.part = Some(Part::Month))?,
            "year" => self.kind("year", |m| m.part = Some(Part::Year))?,
            "contains" => self.place(name, Place::Inside)?,
            "startswith" => self.place(name, Place::Start)?,
            "endswith" => self.place(name, Place::End)?,
            "base64" => self.encodings.push(Encoding::Base64),
            "base64offset" => self.encodings.push(Encoding::Base64Offset),
            "utf16" => self.encodings.push(Encoding::Utf16),
            "utf16le" | "wide" => self.encodings.push(Encoding::Utf16Le),
            "utf16be" => self.encodings.push(Encoding::Utf16Be),
            "windash" => self.encodings.push(Encoding::Windash),
            _ => return Err(Reason::UnknownModifier(shorten(name))),
        }
        Ok(())
    }

    fn kind(&mut self, name: &'static str, set: impl FnOnce(&mut Self)) -> Result<(), Reason> {
        if self.kind.is_some() {
            return Err(conflict(
                name,
                "stands beside another that says what the value is",
            ));
        }
        self.kind = Some(name);
        set(self);
        Ok(())
    }

    fn flag(&mut self, name: &str, set: impl FnOnce(&mut Flags)) -> Result<(), Reason> {
        let Some(flags) = &mut self.regex else {
            return Err(conflict(name, "only behind `re`"));
        };
        set(flags);
        Ok(())
    }

    fn order(&mut self, name: &str, order: Order) -> Result<(), Reason> {
        if self.order.is_some() {
            return Err(conflict(name, "two comparisons"));
        }
        self.order = Some(order);
        Ok(())
    }

    fn place(&mut self, name: &str, place: Place) -> Result<(), Reason> {
        if self.place.is_some() {
            return Err(conflict(
                name,
                "two of `contains`, `startswith`, `endswith`",
            ));
        }
        self.place = Some(place);
        Ok(())
    }

    fn check(&self) -> Result<(), Reason> {
        let texts = [
            (
                self.place.is_some() && !self.fieldref,
                "contains, startswith or endswith",
            ),
            (!self.encodings.is_empty(), "an encoding"),
            (self.expand, "expand"),
            (self.cased && !self.fieldref, "cased"),
        ];
        let text = texts
            .iter()
            .find(|(there, _)| *there)
            .map(|(_, name)| *name);
        if let (Some(kind), Some(text)) = (self.kind.or(self.order.map(|_| "comparison")), text) {
            return Err(conflict(
                &format!("{kind}` beside `{text}"),
                "the value is no text",
            ));
        }
        if self.order.is_some() && self.kind.is_some() && self.part.is_none() {
            return Err(conflict("comparison", "the value is no number"));
        }
        if self.exists && (self.all || self.neq) {
            return Err(conflict("exists", "stands alone: write `false` for absent"));
        }
        Ok(())
    }

    /// Nothing that changes what the value is.
    pub(crate) fn is_plain(&self) -> bool {
        self.kind.is_none()
            && self.place.is_none()
            && self.encodings.is_empty()
            && !self.expand
            && !self.cased
    }

    pub(crate) fn any_but_neq(&self) -> bool {
        !self.is_plain() || self.order.is_some() || self.all
    }

    pub(crate) fn needs_field(&self) -> bool {
        self.order.is_some() || self.kind.is_some_and(|kind| !matches!(kind, "re" | "cidr"))
    }

    pub(crate) fn first_that_needs_a_field(&self) -> &'static str {
        self.kind.unwrap_or("comparison")
    }
}

fn conflict(modifier: &str, why: &'static str) -> Reason {
    Reason::Modifier {
        modifier: modifier.to_owned(),
        why,
    }
}
