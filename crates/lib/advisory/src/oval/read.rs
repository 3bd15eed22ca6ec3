//! From XML to definitions, tests, objects and states, by local names. One pass, with the open elements on a
//! stack of at most [`MAX_DEPTH`]; no DTD, no entity but XML's own.

use std::collections::BTreeMap;

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Criteria, Definition, Family, MAX_DEPTH, MAX_OVAL_BYTES, Operator, Oval, OvalError, Part,
    Parts, Test, What,
};
use crate::feed::day;

impl Oval {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self, OvalError> {
        if bytes.len() > MAX_OVAL_BYTES {
            return Err(OvalError::TooLong(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|why| OvalError::Xml {
            at: why.valid_up_to() as u64,
            why: "expected text in UTF-8".to_owned(),
        })?;
        let mut reader = Reader::from_str(text);
        let mut builder = Builder::default();
        loop {
            let at = reader.buffer_position();
            match reader.read_event() {
                Err(why) => return Err(xml(at, &why)),
                Ok(Event::Start(start)) => builder.start(&start, at)?,
                Ok(Event::Empty(start)) => {
                    builder.start(&start, at)?;
                    builder.end()?;
                }
                Ok(Event::End(_)) => builder.end()?,
                Ok(Event::Text(text)) => builder.text(&text.xml10_content()),
                Ok(Event::CData(text)) => builder.text(&text.xml10_content()),
                Ok(Event::GeneralRef(entity)) => {
                    let text = resolve(&entity, at)?;
                    builder.text(text.encode_utf8(&mut [0; 4]));
                }
                Ok(Event::DocType(_)) => return Err(OvalError::Dtd { at }),
                Ok(Event::Eof) => break,
                Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_)) => {}
            }
        }
        builder.finish()
    }
}

fn xml(at: u64, why: &dyn std::fmt::Display) -> OvalError {
    OvalError::Xml {
        at,
        why: why.to_string(),
    }
}

/// XML's own five entities and numbered characters; each is one character, so nothing can grow.
fn resolve(entity: &BytesRef<'_>, at: u64) -> Result<char, OvalError> {
    let name = entity.xml10_content();
    let own = match name.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => entity.resolve_char_ref().map_err(|why| xml(at, &why))?,
    };
    own.ok_or_else(|| OvalError::Entity {
        at,
        name: name.into_owned(),
    })
}

type Attributes = BTreeMap<String, String>;

fn attributes(start: &BytesStart<'_>, at: u64) -> Result<Attributes, OvalError> {
    let mut all = Attributes::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|why| xml(at, &why))?;
        let name = attribute.key.local_name().as_ref().to_owned();
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|why| xml(at, &why))?;
        all.insert(name, value.into_owned());
    }
    Ok(all)
}

/// An element that is open.
struct Open {
    name: String,
    attributes: Attributes,
    text: String,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    rooted: bool,
    oval: Oval,
    definition: Option<Definition>,
    /// Criteria that are open, outermost first.
    criteria: Vec<(bool, Option<Operator>, Vec<Criteria>)>,
    test: Option<(String, Test)>,
    parts: Option<(String, Parts)>,
}

impl Builder {
    fn start(&mut self, start: &BytesStart<'_>, at: u64) -> Result<(), OvalError> {
        let name = start.local_name().as_ref().to_owned();
        if self.open.len() >= MAX_DEPTH {
            return Err(OvalError::TooDeep { at });
        }
        if !self.rooted && name != "oval_definitions" {
            return Err(OvalError::NotOval(name));
        }
        self.rooted = true;
        let attributes = attributes(start, at)?;
        self.enter(&name, &attributes)?;
        self.open.push(Open {
            name,
            attributes,
            text: String::new(),
        });
        Ok(())
    }

    fn enter(&mut self, name: &str, attributes: &Attributes) -> Result<(), OvalError> {
        let get = |key: &str| attributes.get(key).cloned().unwrap_or_default(); // default: because an attribute left out is an empty one here
        let parent = self.open.last().map_or("", |open| open.name.as_str());
        match (parent, name) {
            ("definitions", "definition") => {
                self.definition = Some(Definition {
                    id: get("id"),
                    class: get("class"),
                    ..Definition::default()
                });
            }
            ("tests", _) => self.test = Some((get("id"), test(name, attributes))),
            ("objects" | "states", _) => {
                let parts = Parts {
                    operator: operator(&get("operator")).unwrap_or_default(), // default: because not_read says that it is none
                    not_read: operator(&get("operator"))
                        .is_none()
                        .then(|| "an operator that OVAL does not have".to_owned()),
                    ..Parts::default()
                };
                self.parts = Some((get("id"), parts));
            }
            _ if self.definition.is_some() => self.in_definition(name, attributes),
            _ => {}
        }
        if let Some((_, test)) = &mut self.test {
            match name {
                "object" => test.object = attributes.get("object_ref").cloned(),
                "state" => test.states.push(get("state_ref")),
                _ => {}
            }
        }
        if self
            .definition
            .as_ref()
            .is_some_and(|definition| definition.id.is_empty())
        {
            return Err(OvalError::NotOval("a definition without an id".to_owned()));
        }
        Ok(())
    }

    fn in_definition(&mut self, name: &str, attributes: &Attributes) {
        let get = |key: &str| attributes.get(key).cloned().unwrap_or_default(); // default: because an attribute left out is an empty one here
        let negate = matches!(get("negate").as_str(), "true" | "1");
        let what = match name {
            "criteria" => {
                return self
                    .criteria
                    .push((negate, operator(&get("operator")), Vec::new()));
            }
            "criterion" => What::Test(get("test_ref")),
            "extend_definition" => What::Definition(get("definition_ref")),
            "reference" => {
                if let Some(definition) = &mut self.definition {
                    definition.references.push(get("ref_id"));
                }
                return;
            }
            _ if self.criteria.is_empty() => return, // metadata
            other => What::NotRead(format!("criteria with {other}")),
        };
        match self.criteria.last_mut() {
            Some((_, _, children)) => children.push(Criteria { negate, what }),
            None => self.root(Criteria { negate, what }),
        }
    }

    fn root(&mut self, criteria: Criteria) {
        if let Some(definition) = &mut self.definition {
            definition.criteria = Some(criteria);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(open) = self.open.last_mut() {
            open.text.push_str(text);
        }
    }

    fn end(&mut self) -> Result<(), OvalError> {
        let Some(Open {
            name,
            attributes,
            text,
        }) = self.open.pop()
        else {
            return Ok(()); // quick-xml refuses an end without a start
        };
        let parent = self.open.last().map_or("", |open| open.name.as_str());
        match (parent, name.as_str()) {
            ("generator", "timestamp") => self.oval.dated = day(text.trim()).map(str::to_owned),
            ("definitions", "definition") => self.oval.definitions.extend(self.definition.take()),
            ("affected", "platform") => {
                self.oval.platforms.insert(text.trim().to_owned());
            }
            ("metadata", "title") => {
                if let Some(definition) = &mut self.definition {
                    text.trim().clone_into(&mut definition.title);
                }
            }
            (_, "criteria") => {
                if let Some((negate, operator, children)) = self.criteria.pop() {
                    let what = match operator {
                        Some(operator) => What::All(operator, children),
                        None => What::NotRead(
                            "criteria with an operator that OVAL does not have".to_owned(),
                        ),
                    };
                    match self.criteria.last_mut() {
                        Some((_, _, outer)) => outer.push(Criteria { negate, what }),
                        None => self.root(Criteria { negate, what }),
                    }
                }
            }
            ("tests", _) => {
                if let Some((id, test)) = self.test.take() {
                    once(&mut self.oval.tests, id, test)?;
                }
            }
            (kind @ ("objects" | "states"), _) => {
                if let Some((id, parts)) = self.parts.take() {
                    let all = if kind == "objects" {
                        &mut self.oval.objects
                    } else {
                        &mut self.oval.states
                    };
                    once(all, id, parts)?;
                }
            }
            _ => self.part(name, &attributes, text),
        }
        Ok(())
    }

    /// A child of an object or a state; a grandchild means a set, a filter or a list.
    fn part(&mut self, name: String, attributes: &Attributes, value: String) {
        let Some((_, parts)) = &mut self.parts else {
            return;
        };
        let depth = self
            .open
            .iter()
            .rev()
            .position(|open| open.name == "objects" || open.name == "states");
        let special = ["set", "filter"].contains(&name.as_str())
            || ["var_ref", "nil"]
                .iter()
                .any(|key| attributes.contains_key(*key));
        if depth != Some(1) || special {
            parts.not_read = Some(format!("{name} with a variable, set, filter or list"));
            return;
        }
        // Behaviours of an rpm or dpkg object change what else is looked at, not which packages there are.
        if name == "behaviors" {
            parts.not_read = Some("behaviors".to_owned());
            return;
        }
        let get = |key: &str| attributes.get(key).cloned().unwrap_or_default(); // default: because an attribute left out is an empty one here
        parts.parts.push(Part {
            name,
            operation: get("operation"),
            datatype: get("datatype"),
            value,
        });
    }

    fn finish(self) -> Result<Oval, OvalError> {
        if let Some(open) = self.open.last() {
            return Err(OvalError::Truncated {
                open: open.name.clone(),
            });
        }
        if !self.rooted {
            return Err(OvalError::NotOval("no element at all".to_owned()));
        }
        if self.oval.definitions.is_empty() {
            return Err(OvalError::Empty);
        }
        let mut ids: Vec<&str> = self
            .oval
            .definitions
            .iter()
            .map(|definition| definition.id.as_str())
            .collect();
        ids.sort_unstable();
        if let Some(twin) = ids.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(OvalError::Twice(
                twin.first().map_or_else(String::new, |id| (*id).to_owned()),
            ));
        }
        Ok(self.oval)
    }
}

fn once<T>(all: &mut BTreeMap<String, T>, id: String, value: T) -> Result<(), OvalError> {
    if all.contains_key(&id) {
        return Err(OvalError::Twice(id));
    }
    all.insert(id, value);
    Ok(())
}

fn test(name: &str, attributes: &Attributes) -> Test {
    let get = |key: &str, otherwise: &str| {
        attributes
            .get(key)
            .cloned()
            .unwrap_or_else(|| otherwise.to_owned())
    };
    let joined = operator(&get("state_operator", ""));
    Test {
        family: match name {
            _ if joined.is_none() => {
                Err("a test with an operator that OVAL does not have".to_owned())
            }
            "dpkginfo_test" => Ok(Family::Dpkg),
            "rpminfo_test" => Ok(Family::Rpm),
            "uname_test" => Ok(Family::Uname),
            "textfilecontent54_test" => Ok(Family::Text),
            other => Err(other.to_owned()),
        },
        check: get("check", "all"),
        existence: get("check_existence", "at_least_one_exists"),
        operator: joined.unwrap_or_default(), // default: because the family says that it is none
        object: None,
        states: Vec::new(),
    }
}

/// None for an operator that OVAL does not have.
fn operator(text: &str) -> Option<Operator> {
    match text {
        "" | "AND" => Some(Operator::And),
        "OR" => Some(Operator::Or),
        "ONE" => Some(Operator::One),
        "XOR" => Some(Operator::Xor),
        _ => None,
    }
}
