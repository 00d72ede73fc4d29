//! Names between a file and one that it nests.

use super::scope::Shape;
use super::{Linker, NamedOutput};
use crate::file::{Binding, Input, PipelineFile};
use crate::read::{ActionDraft, Located, NodeDraft};
use flowglass_model::nearest::did_you_mean;

impl Linker<'_> {
    pub(super) fn nested_bindings(&mut self, node: &NodeDraft, file: &PipelineFile, outputs: &[NamedOutput]) -> Vec<Binding> {
        self.check_outputs(file, outputs);
        let mut bindings = self.mapped_bindings(node);
        for (inner, _) in node.map_over.iter().chain(&node.inputs) {
            self.check_inner_input(file, inner);
        }
        for (inner, outer) in &node.inputs {
            if bindings.iter().any(|binding| binding.inner == inner.text) {
                let help = "name it in `inputs` or in `map_over`, not in both";
                self.problem(inner.span.clone(), format!("`{}` is given twice", inner.text), help);
            }
            match self.scope.shape(&outer.text) {
                None => self.unknown(outer.span.clone(), &outer.text, &[]),
                Some(shape) => self.check_type(file, inner, outer, shape),
            }
            bindings.push(Binding { inner: inner.text.clone(), outer: outer.text.clone(), mapped: false });
        }
        self.pass_through(node, file, outputs, &mut bindings);
        bindings
    }

    /// Binds the inputs that nothing names to the values of the same name; without one the default is taken.
    fn pass_through(&mut self, node: &NodeDraft, file: &PipelineFile, outputs: &[NamedOutput], bindings: &mut Vec<Binding>) {
        let Some(ActionDraft::Pipeline(named_at)) = &node.action else { return };
        for input in &file.inputs {
            if bindings.iter().any(|binding| binding.inner == input.name) {
                continue;
            }
            let is_own = outputs.iter().any(|output| output.name.text == input.name);
            match self.scope.shape(&input.name).filter(|_| !is_own) {
                Some(shape) => {
                    let here = Located { text: input.name.clone(), span: named_at.span.clone() };
                    self.check_type(file, &here, &here, shape);
                    bindings.push(Binding { inner: input.name.clone(), outer: input.name.clone(), mapped: false });
                }
                None if input.default.is_some() => {}
                None => self.missing_input(named_at, input),
            }
        }
    }

    fn missing_input(&mut self, named_at: &Located, input: &Input) {
        let help = format!("write `inputs = {{ {} = \"…\" }}` with an input or output of this file", input.name);
        self.problem(
            named_at.span.clone(),
            format!("`{}` needs `{}` ({})", named_at.text, input.name, input.kind.as_str()),
            help,
        );
    }

    fn check_outputs(&mut self, file: &PipelineFile, outputs: &[NamedOutput]) {
        for output in outputs {
            let inner = &output.inner.text;
            if file.node_of_output(inner).is_none() {
                let help = did_you_mean(inner, file.output_names()).unwrap_or_else(|| {
                    format!(
                        "it gives {}; rename with `outputs = {{ here = \"there\" }}`",
                        file.output_names().collect::<Vec<_>>().join(", ")
                    )
                });
                let message = format!("`{}` has no output `{inner}`", file.path().display());
                self.problem(output.inner.span.clone(), message, help);
            }
        }
    }

    fn check_inner_input(&mut self, file: &PipelineFile, inner: &Located) {
        if file.input(&inner.text).is_none() {
            let names = || file.inputs.iter().map(|input| input.name.as_str());
            let help = did_you_mean(&inner.text, names()).unwrap_or_else(|| match names().collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "it has no inputs".to_owned(),
                names => format!("its inputs are {names}"),
            });
            let message = format!("`{}` has no input `{}`", file.path().display(), inner.text);
            self.problem(inner.span.clone(), message, help);
        }
    }

    fn check_type(&mut self, file: &PipelineFile, inner: &Located, outer: &Located, shape: Shape) {
        if let Some(input) = file.input(&inner.text).filter(|input| !shape.fits(input.kind)) {
            let message = format!("`{}` is {}, and `{}` needs {}", outer.text, shape.as_str(), input.name, input.kind.as_str());
            let help = "`parse = \"json\"` at the node that gives it makes numbers, lists and objects";
            self.problem(outer.span.clone(), message, help);
        }
    }
}
