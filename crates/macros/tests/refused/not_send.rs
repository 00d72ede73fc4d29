//! Values that can't go to another thread.
use std::rc::Rc;

use flowglass_macros::node;

#[node]
fn shared(number: u8) -> Rc<u8> {
    Rc::new(number)
}

#[node]
async fn across(number: u8) -> u8 {
    let shared = Rc::new(number);
    std::future::ready(()).await;
    *shared
}

fn main() {}
