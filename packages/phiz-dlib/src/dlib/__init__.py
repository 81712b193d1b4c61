"""dlib's Python module, by phiz: ``phiz.compat.dlib`` under its name."""

from phiz.compat.stand_in import refuse_beside, stand_in

refuse_beside(__file__, "phiz-dlib", ("dlib", "dlib-bin"))
stand_in("_dlib_pybind11", "phiz.compat.dlib")  # where pickles of dlib's values say they are from
stand_in("dlib", "phiz.compat.dlib")
