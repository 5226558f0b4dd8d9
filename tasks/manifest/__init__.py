"""Manifests: a CSV, Excel or JSON Lines file comes in; jobs, or a list of every fault in it, go out.

    form.py              the file: encoding, delimiter, rows
    workbook.py          Excel workbooks: the cells of a sheet as text
    header.py            the names of the columns
    defaults.py          what cells that are empty mean
    cells.py             the cells: text in, checked values out
    languages.py         the language of a row's script, and whether its voice can read it
    intake.py            rows to jobs, with the files that they name
    results.py           the manifest with what became of each row, as CSV
    training_videos.py   the CSV of videos that `actalker train --footage` reads

May import `picture`, `media`, `speech`, `records`, `job` and `errors`.
"""
