//! Takes secrets out of a batch, and cuts values that are too long: once, before anybody else sees it.

use std::borrow::Cow;
use std::sync::Arc;

use super::{REDACTED, Redaction, Rules, scan};
use crate::{Arena, AttributeColumns, AttributeValue, Attributes, Batch, Graph, Scalar, Sym};

/// What was taken out of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// How many secrets were hidden.
    pub redacted: u64,
    /// How many values were cut off because they were too long.
    pub cut: u64,
}

impl Redaction {
    /// Hides the secrets of a batch, and cuts values of attributes that have more bytes than this.
    ///
    /// Each text is looked at once, however many rows have it. What was hidden is gone from the arena, too.
    pub fn batch(&self, batch: &mut Batch, longest_value: usize) -> Cleaned {
        let survey = Survey::of(self.0.as_deref(), batch, longest_value);
        if survey.is_clean() { Cleaned::default() } else { survey.clean(self, batch, longest_value) }
    }

    /// As [`batch`](Self::batch), for one that others have too: it is copied if there is anything to hide.
    #[must_use]
    pub fn shared_batch(&self, mut batch: Arc<Batch>, longest_value: usize) -> (Arc<Batch>, Cleaned) {
        let survey = Survey::of(self.0.as_deref(), &batch, longest_value);
        if survey.is_clean() {
            return (batch, Cleaned::default());
        }
        let cleaned = survey.clean(self, Arc::make_mut(&mut batch), longest_value);
        (batch, cleaned)
    }
}

/// What there is to do in a batch.
struct Survey {
    /// By the keys' places in the arena.
    hidden: Vec<bool>,
    hides_keys: bool,
    /// Texts with secrets in them.
    texts: Vec<(Sym, Vec<u8>)>,
    found: u64,
    has_nested: bool,
    has_long: bool,
    /// Something besides the columns: the resource, a scope, a graph.
    hides_others: bool,
}

impl Survey {
    fn of(rules: Option<&Rules>, batch: &Batch, longest_value: usize) -> Self {
        let arena = &batch.arena;
        let mut survey = Self {
            hidden: Vec::new(),
            hides_keys: false,
            texts: Vec::new(),
            found: 0,
            has_nested: false,
            has_long: syms(arena).any(|sym| arena.bytes(sym).len() > longest_value),
            hides_others: false,
        };
        let Some(rules) = rules else { return survey };
        let uses = Uses::of(batch);
        survey.has_nested = uses.nested.iter().any(|is_nested| *is_nested);
        survey.hidden = syms(arena).zip(&uses.keys).map(|(sym, is_key)| *is_key && rules.hides_key(arena.text(sym))).collect();
        survey.hides_keys = survey.hidden.contains(&true);
        // What is nested is taken apart, so that it stays what it is.
        for sym in syms(arena).zip(&uses.nested).filter(|(_, is_nested)| !**is_nested).map(|(sym, _)| sym) {
            let found = rules.find(arena.bytes(sym));
            if !found.is_empty() {
                survey.found += found.len() as u64;
                survey.texts.push((sym, scan::replaced(arena.bytes(sym), &found)));
            }
        }
        survey.hides_others = hides_others(rules, batch);
        survey
    }

    fn is_clean(&self) -> bool {
        !(self.hides_keys || self.has_nested || self.has_long || self.hides_others) && self.texts.is_empty()
    }

    fn clean(mut self, redaction: &Redaction, batch: &mut Batch, longest_value: usize) -> Cleaned {
        let mut cleaned = Cleaned { redacted: self.found, cut: 0 };
        if !self.texts.is_empty() {
            let mut texts = std::mem::take(&mut self.texts).into_iter().peekable();
            batch.arena = batch.arena.changed(|sym| texts.next_if(|(known, _)| *known == sym).map(|(_, text)| text));
        }
        if self.hides_keys || self.has_nested || self.has_long {
            let change = |arena: &mut Arena, key, value: &mut Scalar| {
                self.change(redaction.0.as_deref(), (arena, longest_value), (key, value), &mut cleaned)
            };
            let has_changed = change_values(batch, change);
            // A value that another one has replaced may stand in the arena though no row has it.
            if has_changed || self.hides_keys {
                forget_unused(batch);
            }
        }
        if self.hides_others {
            cleaned.redacted += clean_others(redaction, batch);
        }
        cleaned
    }

    /// Changes one value of a column; says whether it did.
    fn change(
        &self,
        rules: Option<&Rules>,
        (arena, longest): (&mut Arena, usize),
        (key, value): (Sym, &mut Scalar),
        cleaned: &mut Cleaned,
    ) -> bool {
        let before = *value;
        if self.hidden.get(key.0 as usize).is_some_and(|is_hidden| *is_hidden) && tells(arena, before) {
            *value = Scalar::Str(arena.push(REDACTED.as_bytes()));
            cleaned.redacted += 1;
            return true;
        }
        match before {
            Scalar::Nested(sym) => {
                if let Some((changed, found)) = rules.and_then(|rules| without_secrets(rules, arena.bytes(sym))) {
                    *value = Scalar::Nested(arena.push(&changed));
                    cleaned.redacted += found;
                }
            }
            Scalar::Str(sym) | Scalar::Bytes(sym) if arena.bytes(sym).len() > longest => {
                let short = shortened(arena.bytes(sym), longest, matches!(before, Scalar::Str(_))).to_vec();
                let short = arena.push(&short);
                *value = if matches!(before, Scalar::Str(_)) { Scalar::Str(short) } else { Scalar::Bytes(short) };
                cleaned.cut += 1;
            }
            _ => {}
        }
        *value != before
    }
}

/// How the entries of an arena are used, by their places.
struct Uses {
    keys: Vec<bool>,
    nested: Vec<bool>,
}

impl Uses {
    fn of(batch: &Batch) -> Self {
        let mut uses = Self { keys: vec![false; batch.arena.len()], nested: vec![false; batch.arena.len()] };
        for table in batch.attribute_tables() {
            for key in &table.keys {
                mark(&mut uses.keys, *key);
            }
            uses.mark_nested(&table.values);
        }
        uses.mark_nested(&batch.logs.body);
        uses
    }

    fn mark_nested(&mut self, values: &[Scalar]) {
        for value in values {
            if let Scalar::Nested(sym) = value {
                mark(&mut self.nested, *sym);
            }
        }
    }
}

fn mark(marks: &mut [bool], sym: Sym) {
    if let Some(mark) = marks.get_mut(sym.0 as usize) {
        *mark = true;
    }
}

fn syms(arena: &Arena) -> impl Iterator<Item = Sym> + use<> {
    (0..u32::try_from(arena.len()).unwrap_or(u32::MAX)).map(Sym)
}

/// Says whether a value under the name of a secret tells anything.
fn tells(arena: &Arena, value: Scalar) -> bool {
    match value {
        Scalar::Null | Scalar::Bool(_) => false,
        Scalar::Str(sym) | Scalar::Bytes(sym) => !arena.bytes(sym).is_empty() && arena.bytes(sym) != REDACTED.as_bytes(),
        _ => true,
    }
}

/// Changes the values of all columns; says whether any was changed.
fn change_values(batch: &mut Batch, mut change: impl FnMut(&mut Arena, Sym, &mut Scalar) -> bool) -> bool {
    let mut arena = std::mem::take(&mut batch.arena);
    let mut has_changed = false;
    for AttributeColumns { keys, values, .. } in batch.attribute_tables_mut() {
        for (key, value) in keys.iter().zip(values) {
            has_changed |= change(&mut arena, *key, value);
        }
    }
    for body in batch.logs.body.iter_mut().filter(|body| matches!(body, Scalar::Nested(_))) {
        has_changed |= change(&mut arena, Sym(u32::MAX), body);
    }
    batch.arena = arena;
    has_changed
}

/// Empties what nothing names any more.
pub(super) fn forget_unused(batch: &mut Batch) {
    let mut is_used = vec![false; batch.arena.len()];
    batch.each_sym(&mut |sym| mark(&mut is_used, sym));
    batch.arena = batch.arena.changed(|sym| (!is_used[sym.0 as usize]).then(Vec::new));
}

fn without_secrets(rules: &Rules, json: &[u8]) -> Option<(Vec<u8>, u64)> {
    let Ok(mut value) = serde_json::from_slice::<AttributeValue>(json) else {
        // What can't be read can't be judged.
        return Some((format!("{{\"str\":\"{REDACTED}\"}}").into_bytes(), 1));
    };
    let found = rules.hide("", &mut value);
    (found > 0).then(|| (serde_json::to_vec(&value).unwrap_or_default(), found))
}

fn shortened(bytes: &[u8], most: usize, is_text: bool) -> &[u8] {
    let is_boundary = |at: usize| !is_text || bytes.get(at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let end = (0..=most.min(bytes.len())).rev().find(|at| is_boundary(*at)).unwrap_or(0);
    &bytes[..end]
}

fn hides_others(rules: &Rules, batch: &Batch) -> bool {
    let hides = |attributes: &Attributes| attributes.iter().any(|(key, value)| rules.hide(key, &mut value.clone()) > 0);
    hides(&batch.resource.attributes)
        || batch.scopes.iter().any(|scope| hides(&scope.attributes))
        || batch.graphs.iter().any(|graph| hides_in_graph(rules, graph))
}

fn hides_in_graph(rules: &Rules, graph: &Graph) -> bool {
    let of_input =
        |name: &str, shown: &str| shown != REDACTED && (rules.hides_key(name) || !rules.find(shown.as_bytes()).is_empty());
    graph.inputs.iter().any(|input| input.default.as_ref().is_some_and(|shown| of_input(&input.name, shown)))
        || graph.nodes.iter().filter_map(|node| node.pipeline.as_deref()).any(|inner| hides_in_graph(rules, inner))
}

fn clean_others(redaction: &Redaction, batch: &mut Batch) -> u64 {
    let mut resource = batch.resource.attributes.clone();
    let mut found = redaction.attributes(&mut resource);
    if found > 0 {
        Arc::make_mut(&mut batch.resource).attributes = resource;
    }
    for scope in &mut batch.scopes {
        found += redaction.attributes(&mut Arc::make_mut(scope).attributes);
    }
    for graph in &mut batch.graphs {
        found += clean_graph(redaction, Arc::make_mut(graph));
    }
    found
}

fn clean_graph(redaction: &Redaction, graph: &mut Graph) -> u64 {
    let mut found = 0;
    for input in &mut graph.inputs {
        let shown = input.default.as_deref().map(|shown| redaction.text_of(&input.name, shown));
        if let Some(Cow::Borrowed(REDACTED)) = shown {
            found += u64::from(input.default.as_deref() != Some(REDACTED));
            input.default = Some(REDACTED.to_owned());
        } else if let Some(Cow::Owned(shown)) = shown {
            input.default = Some(shown);
            found += 1;
        }
    }
    let inner = graph.nodes.iter_mut().filter_map(|node| node.pipeline.as_deref_mut());
    found + inner.map(|inner| clean_graph(redaction, inner)).sum::<u64>()
}
