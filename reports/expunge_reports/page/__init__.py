"""Pages: a receipt, and a report of deletion by age, as one plain HTML file each: no scripts, accessible, printable.

The modules are the public API; nothing is imported here, so that the glossary costs no template engine.

    render             receipt_page(verdict, shared) -> HTML
    jinja_environment  Jinja2 as every page uses it: escaped, strict, with element ids and a security policy
    view_model         what the templates of a receipt show: its documents and statements, sorted and typed
    backup_timeline    where bars and months stand in the picture of the backup copies
    retention_page     retention_page(report, operator, contact) -> HTML
    backlog_picture    where days, lines and bars stand in the picture of what is left by age
    date_format        days, times and periods in words
    glossary           what codes mean to a reader who has never seen one
    templates/         base.html, macros.html and page.css are for every page, receipt and retention for the one each
"""
