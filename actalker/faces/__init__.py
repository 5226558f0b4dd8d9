"""Faces in pictures: where they are, the mesh of 468 points on each, and what the mesh says of them.

mesh.py        the two networks that find faces and lay the mesh; OpenCV runs them
topology.py    the points of the mesh by name, and its triangles
geometry.py    size, pose, openings and box of a face, from its mesh
models/        the networks' files, with their licence
"""
