//! What language models cost: calls, tokens and money by model, and how that stands to a budget.

use std::collections::BTreeMap;

use flowglass_model::{AttributeValue, Span};
use serde::Serialize;

use super::nodes::part;

/// OpenTelemetry's name for the model that was asked.
const MODEL: &str = "gen_ai.request.model";
const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
const COST: &str = "gen_ai.usage.cost";

/// What calls of models cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Costs {
    /// By model, the dearest first.
    pub models: Vec<ModelCosts>,
    /// How many calls there were.
    pub calls: u64,
    /// What they cost together, in the currency of the attribute `gen_ai.usage.cost` (dollars, mostly).
    pub cost: f64,
}

/// What calls of one model cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelCosts {
    /// The model.
    pub model: String,
    /// How many calls there were.
    pub calls: u64,
    /// Tokens that went in.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What they cost together.
    pub cost: f64,
    /// What one call cost on average.
    pub cost_per_call: f64,
    /// The part of all costs, 0 to 1.
    pub cost_share: f64,
    /// The part of all calls, 0 to 1.
    pub call_share: f64,
}

/// How costs stand to a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// Less than four fifths of it are spent.
    Within,
    /// Four fifths or more are spent.
    Near,
    /// More than all of it is spent.
    Exceeded,
}

impl Costs {
    /// Adds up the calls among these spans: those that name a model.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is no exact number")]
    pub fn of(spans: &[Span]) -> Self {
        let mut models: BTreeMap<&str, ModelCosts> = BTreeMap::new();
        for span in spans {
            if let Some(model) = span.text(MODEL) {
                add(models.entry(model).or_default(), span);
            }
        }
        let calls = models.values().map(|model| model.calls).sum();
        let cost: f64 = models.values().map(|model| model.cost).sum();
        let shares = |(name, model): (&str, ModelCosts)| ModelCosts {
            model: name.to_owned(),
            cost_per_call: model.cost / (model.calls as f64).max(1.0),
            cost_share: if cost > 0.0 { model.cost / cost } else { 0.0 },
            call_share: part(model.calls, calls),
            ..model
        };
        let mut models: Vec<ModelCosts> = models.into_iter().map(shares).collect();
        models.sort_by(|a, b| b.cost.total_cmp(&a.cost).then_with(|| b.calls.cmp(&a.calls)));
        Self { models, calls, cost }
    }

    /// Returns the models of which fewer calls, or cheaper ones, would change the sum most: those with more than three tenths of
    /// all costs, and those with more than half of all calls. One model alone is no hint.
    pub fn dominant(&self) -> impl Iterator<Item = &ModelCosts> {
        let stands_out = |model: &&ModelCosts| model.cost_share > 0.3 || model.call_share > 0.5;
        self.models.iter().filter(move |model| self.models.len() > 1 && stands_out(model))
    }

    /// Says how the costs stand to a budget for the same time.
    #[must_use]
    pub fn beside(&self, budget: f64) -> Budget {
        match self.cost {
            cost if cost > budget => Budget::Exceeded,
            cost if cost >= budget * 0.8 => Budget::Near,
            _ => Budget::Within,
        }
    }
}

fn add(model: &mut ModelCosts, span: &Span) {
    let tokens = |key| span.attribute(key).and_then(AttributeValue::as_int).map_or(0, |tokens| tokens.max(0).cast_unsigned());
    let cost = span.attribute(COST).and_then(AttributeValue::as_f64).filter(|cost| cost.is_finite());
    model.calls += 1;
    model.input_tokens = model.input_tokens.saturating_add(tokens(INPUT_TOKENS));
    model.output_tokens = model.output_tokens.saturating_add(tokens(OUTPUT_TOKENS));
    model.cost += cost.unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_add_up_by_model() {
        let call = |model: &str, cost: f64| Span {
            attributes: vec![(MODEL.into(), model.into()), (COST.into(), cost.into()), (INPUT_TOKENS.into(), 10i64.into())],
            ..Span::default()
        };
        let costs =
            Costs::of(&[call("small", 1.0), call("large", 6.0), call("small", 1.0), call("odd", f64::NAN), Span::default()]);
        let plain: Vec<_> = costs.models.iter().map(|model| (model.model.as_str(), model.calls, model.input_tokens)).collect();
        assert_eq!(plain, [("large", 1, 10), ("small", 2, 20), ("odd", 1, 10)]);
        assert_eq!((costs.calls, costs.cost, costs.models[0].cost_share, costs.models[1].cost_per_call), (4, 8.0, 0.75, 1.0));
        assert_eq!(costs.dominant().map(|model| model.model.as_str()).collect::<Vec<_>>(), ["large"]);
        assert_eq!(Costs::of(&[call("alone", 1.0)]).dominant().count(), 0);
        assert_eq!([20.0, 10.0, 7.0].map(|budget| costs.beside(budget)), [Budget::Within, Budget::Near, Budget::Exceeded]);
        assert_eq!(Costs::of(&[]), Costs::default());
    }
}
