//! Closures as nodes: what `node_fn!` makes.

use std::fmt;

use crate::invocation::Invocation;
use crate::node::{Call, Node, NodeSpec};

/// A closure with its description.
pub struct FnNode<C> {
    spec: NodeSpec,
    call: C,
}

/// Makes a node of a closure that reads its inputs itself.
pub fn closure<C>(spec: NodeSpec, call: C) -> FnNode<C>
where
    C: Fn(&mut Invocation<'_>) -> Call + Send + Sync + 'static,
{
    FnNode { spec, call }
}

impl<C: Fn(&mut Invocation<'_>) -> Call + Send + Sync + 'static> Node for FnNode<C> {
    fn spec(&self) -> NodeSpec {
        self.spec.clone()
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        (self.call)(call)
    }
}

impl<C> fmt::Debug for FnNode<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FnNode({})", self.spec.name)
    }
}
