mod arrays;
mod evaluator;
mod operators;
mod refusals;
mod same;
mod texts;

use super::TypePattern;

/// `messages: ["*"]`.
fn every() -> [TypePattern; 1] {
    [TypePattern::Prefix(String::new())]
}
