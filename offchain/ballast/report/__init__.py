"""One HTML page that works offline: what a demo did, in charts and tables."""

from ballast.report.data import Liquidated, ReportData, Table
from ballast.report.page import render, write_report

__all__ = ["Liquidated", "ReportData", "Table", "render", "write_report"]
