//! What models cost as a table.

use flowglass_insight::answers::Costs;
use flowglass_insight::{quantity, text};

use super::table;
use crate::Options;
use crate::ink::Ink;
use crate::table::Column;

/// Draws a line a model. Each line ends with a line break.
#[must_use]
pub fn costs(costs: &Costs, options: &Options) -> String {
    if costs.models.is_empty() {
        return "no model was called in this time\n".to_owned();
    }
    let models = &costs.models;
    let columns = vec![
        Column::text("MODEL", 0, models.iter().map(|one| vec![(Ink::Strong, one.model.clone())]).collect()).flexible(12),
        Column::numbers("CALLS", 0, models.iter().map(|one| quantity::count(one.calls))),
        Column::numbers("IN", 2, models.iter().map(|one| quantity::count(one.input_tokens))),
        Column::numbers("OUT", 2, models.iter().map(|one| quantity::count(one.output_tokens))),
        Column::numbers("COST", 0, models.iter().map(|one| format!("{:.4}", one.cost))),
        Column::numbers("A CALL", 3, models.iter().map(|one| format!("{:.4}", one.cost_per_call))),
        Column::numbers("SHARE", 1, models.iter().map(|one| quantity::percent(one.cost_share))),
    ];
    let mut drawn = table(columns, *options);
    for model in costs.dominant() {
        let (cost, calls) = (quantity::percent(model.cost_share), quantity::percent(model.call_share));
        let name = text::clean(&model.model);
        drawn += &format!("{name} has {cost} of the costs and {calls} of the calls: look there first\n");
    }
    drawn
}
