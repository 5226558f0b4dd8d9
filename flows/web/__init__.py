"""The page of a workspace: FastAPI, templates, one style sheet and one script of our own. Nothing is loaded from
elsewhere, and every page but uploads works without the script.

    app.py             the application: guard, pages, answers to errors
    guard.py           who may use it: token, cookie, Host, Origin, forms, security headers
    site.py            the workspace as the page knows it: batches are followed, names are looked up
    pages.py           the pages that show
    actions.py         what forms do: orders, reviews
    submit_pages.py    the pages that submit a manifest
    uploads.py         uploaded files, under checked names
    checks.py          manifests being checked, batches that were started
    folders.py         manifests in a folder, and what the nights have made of them
    batch_view.py      figures and rows of a batch, as plain values
    attempts_view.py   workers, and the timeline of what they did
    video_view.py      words, chapters, segments and lineage of a video
    words.py           how times, durations and states are said
    render.py          the templates
    metrics.py         figures for Prometheus
    mailed.py          a batch as one HTML file
    serve.py           `actalker serve`
"""
