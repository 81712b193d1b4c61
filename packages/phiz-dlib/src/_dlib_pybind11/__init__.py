"""The module that dlib's classes and pickles name: ``phiz.compat.dlib`` again.

A folder, as Python prefers it to an extension module of that name: where dlib itself was installed
over phiz-dlib, its ``dlib/__init__.py`` comes here and the mixture is refused.
"""

from phiz.compat.stand_in import refuse_beside, stand_in

refuse_beside(__file__, "phiz-dlib", ("dlib", "dlib-bin"))
stand_in("_dlib_pybind11", "phiz.compat.dlib")
