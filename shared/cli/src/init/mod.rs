use crate::{args::Init, context::Environment, failure::Failure};
pub(crate) async fn run(_: Init, _: &Environment) -> Result<(), Failure> {
    Ok(())
}
