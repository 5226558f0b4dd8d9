"""A photograph that talks, as a draft: it is moved by its face mesh, and what it lacks is painted into it.

expression.py      what a face does in one frame
signals.py         from mouth shapes and gestures to expressions, frame by frame
gestures.py        brows, lids, head and mouth of a driving video's face
fit.py             the mesh fitted to lips and lids of one photograph
movements.py       the displacement of every point for each signal
triangulation.py   the triangles between the points
anatomy.py         where the points are in an expression, with no triangle turned over
finish.py          the photograph's light, sharpness and grain
mouth.py           what shows between the lips
painter.py         draws the frames
skia_paint.py      helpers for Skia
"""
