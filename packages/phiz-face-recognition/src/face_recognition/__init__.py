"""face_recognition, by phiz: ``phiz.compat.face_recognition`` under its name."""

from phiz.compat.stand_in import refuse_beside, stand_in

refuse_beside(__file__, "phiz-face-recognition", ("face_recognition",))
stand_in("face_recognition", "phiz.compat.face_recognition")
