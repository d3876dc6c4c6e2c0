mod evaluator;
mod operators;
mod refusals;
mod same;
mod texts;
