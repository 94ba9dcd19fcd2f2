use super::report::Report;
use crate::attribute::Attributor;
pub fn render(report: &Report, attributor: &Attributor) -> String { super::json::render(report, attributor) }
