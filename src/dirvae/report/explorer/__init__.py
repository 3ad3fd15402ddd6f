"""Pages to explore: one file of HTML with its data, its style and its script, and no network."""

from dirvae.report.explorer.documents import Shown, chosen_documents, per_topic
from dirvae.report.explorer.groups import Differences, Groups, groups_of
from dirvae.report.explorer.names import names_as_json, read_names
from dirvae.report.explorer.samples import Grouping, Samples
from dirvae.report.explorer.topics import Documents, Topics, explorer_page

__all__ = [
    "Differences",
    "Documents",
    "Grouping",
    "Groups",
    "Samples",
    "Shown",
    "Topics",
    "chosen_documents",
    "explorer_page",
    "groups_of",
    "names_as_json",
    "per_topic",
    "read_names",
]
